/** Who did what, when: every call that changed something, and what Longshore did by itself. */
import { call } from './api.ts';
import { count } from './format.ts';
import { mayRunFleet } from './may.ts';
import { ErrorBox, Silence, When, withCode } from './parts/small.ts';
import { usePoll } from './poll.ts';
import { linkTo } from './route.ts';
import { type Content, html, useState } from './vendor/preact.js';
import type { AuditEntry, Me } from './wire.ts';

const POLL_MS = 5_000;
const PAGE = 1_000;
/** The newest of what a look reads; `longshore audit` has the rest. */
const MOST = 5_000;
const MOST_PAGES = 50;
const SHOWN = 300;

const HOUR_MS = 3_600_000;
const SPANS = [
  { label: 'Last hour', ms: HOUR_MS },
  { label: 'Day', ms: 24 * HOUR_MS },
  { label: 'Week', ms: 7 * 24 * HOUR_MS },
  { label: 'Month', ms: 30 * 24 * HOUR_MS },
] as const;

const RESULTS = {
  done: { sign: '✓', tone: 'ok' },
  refused: { sign: '■', tone: 'wait' },
  failed: { sign: '✗', tone: 'bad' },
} as const;

async function read(ms: number, signal: AbortSignal): Promise<AuditEntry[]> {
  const entries: AuditEntry[] = [];
  let where: { since?: number; cursor?: string } = { since: Date.now() - ms };
  for (let pages = 0; pages < MOST_PAGES; pages += 1) {
    const page = await call('GET /v1/audit', { query: { limit: PAGE, ...where } }, { signal });
    entries.push(...page.entries);
    entries.splice(0, Math.max(0, entries.length - MOST));
    if (page.next === undefined) break;
    where = { cursor: page.next };
  }
  return entries.reverse();
}

export function AuditPage({ me }: { me: Me }): Content {
  const [words, setWords] = useState('');
  const [span, setSpan] = useState(1);
  const allowed = mayRunFleet(me.role);
  const { value, error, silentSince } = usePoll(
    async (signal) => (allowed ? read(SPANS[span]?.ms ?? HOUR_MS, signal) : []),
    allowed ? POLL_MS : undefined,
    [span, allowed],
  );
  if (!allowed)
    return html`<section class="card wide"><h1>Audit</h1><p>As ${me.role} you cannot read the audit log; an admin can.</p></section>`;
  const found = (value ?? []).filter((entry) => JSON.stringify(entry).toLowerCase().includes(words.toLowerCase()));
  return html`<section class="card wide" data-card="audit">
    <h1>Audit</h1>
    <${Silence} since=${silentSince} error=${error} />
    ${error && !value ? html`<${ErrorBox} error=${error} />` : null}
    <div class="row tools">
      <div class="segments" role="group" aria-label="Since when">
        ${SPANS.map(({ label }, at) => html`<button key=${label} aria-pressed=${span === at} onClick=${() => setSpan(at)}>${label}</button>`)}
      </div>
      <label class="grow search"><span class="hidden">Search</span>
        <input type="search" placeholder="Search who, what, of which, why" value=${words} onInput=${(event: { currentTarget: HTMLInputElement }) => setWords(event.currentTarget.value)} />
      </label>
    </div>
    ${value && found.length === 0 ? html`<p class="soft">${words === '' ? 'Nothing was asked of the fleet in this time.' : 'Nothing in this time has these words.'}</p>` : null}
    ${
      found.length > 0
        ? html`<table class="stack">
          <thead><tr><th>When</th><th>Who</th><th>What</th><th>Of</th><th>Result</th><th>Reason</th></tr></thead>
          <tbody>${found.slice(0, SHOWN).map((entry) => html`<${Row} key=${entry.id} entry=${entry} />`)}</tbody>
        </table>`
        : null
    }
    ${found.length > SHOWN ? html`<p class="soft">and ${count(found.length - SHOWN)} older ones; search, or take a shorter time.</p>` : null}
  </section>`;
}

function Row({ entry: { at, who, role, what, operation, subject, result, code, reason } }: { entry: AuditEntry }): Content {
  const { sign, tone } = RESULTS[result];
  return html`<tr>
    <td data-label="When"><${When} at=${at} /></td>
    <td data-label="Who"><span>${who} <span class="soft">${role ?? 'by itself'}</span></span></td>
    <td data-label="What"><b>${what}</b></td>
    <td data-label="Of">${operation === undefined ? (subject ?? '') : html`<a href=${linkTo('operations', operation)}>${operation}</a>`}</td>
    <td data-label="Result"><span class=${`${tone} together`}><i class="sign" aria-hidden="true">${sign}</i> ${result}</span>${code ? html` <code class="soft">${code}</code>` : null}</td>
    <td data-label="Reason" class="soft">${withCode(reason ?? '')}</td>
  </tr>`;
}
