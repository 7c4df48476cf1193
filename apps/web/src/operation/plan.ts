/** The plan in words: what it would do, what stands in the way, where it asks. */
import { plural, sentence } from '../format.ts';
import { Icon } from '../parts/icon.ts';
import { Card, When, withCode } from '../parts/small.ts';
import { type Content, html } from '../vendor/preact.js';
import type { OperationHeader, StoredPlan } from '../wire.ts';

const SIGNS = { info: '·', warning: '!', error: '✗' } as const;
const TONES = { info: 'soft', warning: 'wait', error: 'bad' } as const;

/** `28 units, 4 at a time`. Of a stage whose tasks come while it runs there is nothing to say yet. */
function sizeOf(number: number, what: string, atOnce: number): string {
  if (number === 0) return '';
  return number === 1 ? plural(1, what) : `${plural(number, what)}, ${atOnce < number ? `${atOnce} at a time` : 'all at once'}`;
}

export function PlanCard({ plan, header }: { plan: StoredPlan; header: OperationHeader }): Content {
  const { summary, findings, stages, leases, hash, madeAt } = plan;
  const policy = header.approvalPolicy ?? 'none';
  const asks = stages.filter(({ approval }) => policy === 'every-stage' || (policy === 'cutover' && approval !== undefined));
  return html`<${Card} wide=${true} title="Plan" name="plan" aside=${html`<span class="soft">made <${When} at=${madeAt} />, <code>${hash.slice(0, 12)}</code></span>`}>
    <ul class="plain">${summary.map((line) => html`<li key=${line}>${withCode(sentence(line))}</li>`)}</ul>
    ${findings.map(({ level, text, error }, at) => html`<p key=${at} class=${`finding ${TONES[level]}`}><i class="sign" aria-hidden="true">${SIGNS[level]}</i> ${level === 'info' ? null : html`<b>${level === 'error' ? 'In the way' : 'Mind'}:</b> `}${withCode(sentence(text))} ${error ? html`<span class="soft">${withCode(error.fix)}</span>` : null}</p>`)}
    <ol class="plan-stages">
      ${stages.map(
        ({ name, title, tasks, bulk, concurrency, approval, guard }) => html`<li key=${name}>
          <b>${title}</b>
          <span class="soft"> ${sizeOf(bulk?.only?.length ?? bulk?.count ?? tasks?.length ?? 0, bulk ? 'unit' : 'task', concurrency)}</span>
          ${guard?.opens?.length ? html`<span class="tag wait"><${Icon} name="shield" /> opens a guard</span>` : null}
          ${guard?.ends?.length ? html`<span class="tag ok"><${Icon} name="shield" /> ends it</span>` : null}
          ${approval ? html`<div class="soft">${policy === 'none' ? 'dangerous, not asked for' : '? asks'}: ${approval}</div>` : null}
        </li>`,
      )}
    </ol>
    <p class="soft">
      ${asks.length > 0 ? `Asks for approval before ${plural(asks.length, 'stage')} (policy ${policy}).` : `Asks nobody on the way (policy ${policy}).`}
      ${leases.length > 0 ? html` Takes ${leases.map(({ target, scope }) => html`<code>${target}${scope ? `/${scope}` : ''}</code> `)} for itself.` : null}
    </p>
  </${Card}>`;
}
