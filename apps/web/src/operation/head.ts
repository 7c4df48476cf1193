/** The top of the page: what it is, how far it is, what can be asked of it. */
import { bytes, count, duration, roughly, sentence, short } from '../format.ts';
import { Bar, Since, StateChip, stateTone, When, withCode } from '../parts/small.ts';
import { progressOf, type Sample, speedOf } from '../progress.ts';
import { type Content, html } from '../vendor/preact.js';
import type { Me, OperationHeader, OperationView, StoredPlan } from '../wire.ts';
import { Actions } from './actions.ts';

/** What waits is no colour of a bar. */
const BAR_TONES: Readonly<Record<string, string>> = { bad: 'bad', ok: 'ok' };

export interface HeadProps {
  view: OperationView;
  plan: StoredPlan | undefined;
  samples: readonly Sample[];
  me: Me;
  changed(): void;
}

export function Head({ view, plan, samples, me, changed }: HeadProps): Content {
  const { header, tasks } = view;
  const progress = progressOf(header, tasks, plan?.stages);
  const { done, failed, total, unit, share } = progress;
  const live = tasks.filter(({ state }) => state === 'running').length;
  const unitShare = (number: number): number => (total > 0 ? number / total : 0);
  const label = `${Math.floor(share * 100)} %: ${count(done)} of ${count(total)} ${unit} done, ${count(failed)} failed, ${count(live)} running`;
  const parts =
    unit !== 'tasks'
      ? [
          { share: unitShare(done), tone: 'ok' },
          { share: unitShare(failed), tone: 'bad' },
          { share: Math.min(unitShare(tasks.length / 2), 1 - unitShare(done + failed)), tone: 'busy' },
        ]
      : [{ share, tone: BAR_TONES[stateTone(header.state)] ?? 'busy' }];
  return html`<section class="card wide" data-card="head">
    <div class="row head">
      <h1>${header.kind}</h1>
      <${StateChip} header=${header} />
      <code class="soft">${header.id}</code>
      <span class="soft">by ${header.owner}${header.reason ? ` · “${header.reason}”` : ''}</span>
      <div class="right"><${Actions} view=${view} plan=${plan} me=${me} changed=${changed} /></div>
    </div>
    ${plan?.summary[0] && header.state !== 'planned' ? html`<p class="summary">${sentence(plan.summary[0])}</p>` : null}
    ${total > 0 && header.startedAt !== undefined ? html`<${Bar} parts=${parts} label=${label} />` : null}
    <dl class="figs">${figures(view, plan, samples).map(([name, value, small]) => html`<div key=${name}><dt>${name}</dt><dd><b>${value}</b>${small ? html` <small>${small}</small>` : null}</dd></div>`)}</dl>
    ${trouble(header)}
    ${header.state !== 'planned' && plan ? html`<details><summary>What it does</summary><ul class="plain">${plan.summary.map((line) => html`<li key=${line}>${withCode(line)}</li>`)}</ul><pre>${JSON.stringify(header.params, null, 2)}</pre></details>` : null}
  </section>`;
}

type Figure = [name: string, value: Content, small?: Content];

function figures({ header, tasks }: OperationView, plan: StoredPlan | undefined, samples: readonly Sample[]): Figure[] {
  const { done, failed, total, unit, dumped, restored } = progressOf(header, tasks, plan?.stages);
  const { counters } = header;
  const over = header.endedAt !== undefined;
  const all: Figure[] = [];
  if (total > 0) all.push(header.startedAt === undefined ? [unit, count(total)] : [`${unit} done`, `${count(done)} / ${count(total)}`]);
  if (failed > 0) all.push(['failed', html`<span class="bad">✗ ${count(failed)}</span>`]);
  if (dumped) all.push(['points dumped', short(dumped)]);
  if (restored) all.push(['restored', short(restored)]);
  if (counters.pointsVerified) all.push(['verified', short(counters.pointsVerified)]);
  const sent = Math.max(counters.bytesSent ?? 0, counters.bytesDumped ?? 0);
  if (sent > 0) all.push(['bytes', bytes(sent)]);
  const { perSecond, leftMs } = over || header.state !== 'running' ? {} : speedOf(samples);
  const speed = restored === undefined ? perSecond?.[0] : Math.max(...(perSecond ?? [0]));
  if (speed) all.push(['speed', `${short(speed)}/s`, restored === undefined ? unit : 'points']);
  if (leftMs !== undefined) all.push(['left', `≈ ${roughly(leftMs)}`]);
  if (over && restored && header.startedAt !== undefined)
    all.push(['on average', `${short((restored * 1000) / Math.max(1, header.endedAt! - header.startedAt))}/s`, 'points']);
  if (counters.retries) all.push(['retries', count(counters.retries)]);
  if (header.startedAt === undefined) all.push(['submitted', html`<${When} at=${header.createdAt} />`]);
  else if (over) all.push(['took', duration(header.endedAt! - header.startedAt)], ['ended', html`<${When} at=${header.endedAt!} />`]);
  else all.push(['running for', html`<${Since} at=${header.startedAt} />`], ['since', html`<${When} at=${header.startedAt} />`]);
  if (header.deadlineAt !== undefined && !over) all.push(['deadline', html`<${When} at=${header.deadlineAt} />`]);
  return all;
}

/** What is wrong, with what mends it. */
function trouble({ attention, error }: OperationHeader): Content {
  const shown = attention?.error ?? error;
  if (!shown) return null;
  return html`<div class="error-box" role="alert">
    <p><i class="sign" aria-hidden="true">!</i> ${attention ? html`<b>Needs attention since <${When} at=${attention.since} />.</b>${' '}` : null}${attention ? shown.message : sentence(shown.message)}</p>
    <p class="soft">${withCode(shown.fix)}</p>
    <p><code class="soft">${shown.code}</code></p>
  </div>`;
}
