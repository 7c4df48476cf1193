/** The plan in words: what it would do, what stands in the way, where it asks. */
import { plural, sentence } from '../format.ts';
import { Icon } from '../parts/icon.ts';
import { Card, When } from '../parts/small.ts';
import { type Content, html } from '../vendor/preact.js';
import type { OperationHeader, StoredPlan } from '../wire.ts';

const SIGNS = { info: '·', warning: '!', error: '✗' } as const;
const TONES = { info: '', warning: 'wait', error: 'bad' } as const;

export function PlanCard({ plan, header }: { plan: StoredPlan; header: OperationHeader }): Content {
  const { summary, findings, stages, leases, hash, madeAt } = plan;
  const policy = header.approvalPolicy ?? 'none';
  const asks = stages.filter(({ approval }) => policy === 'every-stage' || (policy === 'cutover' && approval !== undefined));
  return html`<${Card} wide=${true} title="Plan" name="plan" aside=${html`<span class="soft">made <${When} at=${madeAt} />, <code>${hash.slice(0, 12)}</code></span>`}>
    <ul class="plain">${summary.map((line) => html`<li key=${line}>${sentence(line)}</li>`)}</ul>
    ${findings.map(({ level, text, error }, at) => html`<p key=${at} class=${`finding ${TONES[level]}`}><i class="sign" aria-hidden="true">${SIGNS[level]}</i> <b>${level === 'error' ? 'In the way' : level}</b>: ${sentence(text)} ${error ? html`<span class="soft">${error.fix}</span>` : null}</p>`)}
    <ol class="plan-stages">
      ${stages.map(
        ({ name, title, tasks, bulk, concurrency, approval, guard }) => html`<li key=${name}>
          <b>${title}</b>
          <span class="soft"> ${bulk ? plural(bulk.only?.length ?? bulk.count, 'unit') : plural(tasks?.length ?? 0, 'task')}, ${concurrency} at a time</span>
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
