/** What is closed, what is open, whom it waits for: gates, guards with their clocks, approvals, leases. */
import { duration, plural, sentence } from '../format.ts';
import { isFinal } from '../may.ts';
import { Icon } from '../parts/icon.ts';
import { Card, Since, When } from '../parts/small.ts';
import { useNow } from '../poll.ts';
import { type Content, html } from '../vendor/preact.js';
import type { GuardRecord, OperationHeader, StoredPlan, TaskView } from '../wire.ts';

interface WaitsProps {
  header: OperationHeader;
  tasks: readonly TaskView[];
  guards: readonly GuardRecord[];
  plan: StoredPlan | undefined;
}

/** Guards that have ended and are still shown. */
const ENDED_SHOWN = 4;

/** There is something to show of it; of what has not begun, or is over, there need not be. */
export function hasWaits(
  { state, startedAt, awaits, waitsFor, approvals = [], leases = [] }: OperationHeader,
  guards: readonly GuardRecord[],
): boolean {
  const quiet = startedAt === undefined || isFinal(state);
  return !quiet || guards.length + approvals.length + leases.length > 0 || awaits !== undefined || waitsFor !== undefined;
}

export function Waits({ header, tasks, guards, plan }: WaitsProps): Content {
  // While it is paused no gate keeps anybody waiting.
  const gates = Map.groupBy(
    header.state === 'paused' ? [] : tasks.filter(({ gate }) => gate),
    ({ gate }) => `${gate!.gate}\n${gate!.reason}`,
  );
  const open = guards.filter(({ state }) => state === 'open');
  const ended = guards.filter(({ state }) => state !== 'open').slice(-ENDED_SHOWN);
  const approvals = header.approvals ?? [];
  const nothing =
    gates.size === 0 && guards.length === 0 && !header.awaits && !header.waitsFor && approvals.length === 0 && !header.leases?.length;
  return html`<${Card} title="Gates and guards" name="waits">
    ${header.awaits ? html`<${Awaited} header=${header} plan=${plan} />` : null}
    ${open.map((guard) => html`<${OpenGuard} key=${guard.key} guard=${guard} />`)}
    ${header.waitsFor ? html`<p class="wait-line"><i class="sign wait" aria-hidden="true">‖</i><span>${sentence(header.waitsFor)}</span></p>` : null}
    ${[...gates].map(([key, group]) => {
      const [gate, reason] = key.split('\n');
      return html`<p class="wait-line" key=${key}>
        <i class="sign wait" aria-hidden="true">‖</i>
        <span><b>${gate}</b> closed for <${Since} at=${Math.min(...group.map((task) => task.gate!.since))} />, ${plural(group.length, 'task')}<br /><span class="soft">${reason}</span></span>
      </p>`;
    })}
    ${approvals.map(
      ({ stage, by, reason, at, expiresAt, used }) => html`<p class="wait-line" key=${`${stage}-${at}`}>
        <i class="sign ok" aria-hidden="true">✓</i>
        <span><b>${stage}</b> approved by ${by}: “${reason}” <span class="soft"><${When} at=${at} />${used ? ', used' : html`, good until <${When} at=${expiresAt} />`}</span></span>
      </p>`,
    )}
    ${ended.map(
      ({ key, what, state, endedAt, by, openedAt }) => html`<p class="wait-line" key=${key}>
        <i class=${`sign ${state === 'handed-over' ? 'bad' : 'ok'}`} aria-hidden="true">${state === 'handed-over' ? '!' : html`<${Icon} name="shield" />`}</i>
        <span>${what}: <b>${state === 'closed' ? 'no more' : state}</b>${by ? ` to ${by}` : ''}
          <span class="soft">${endedAt === undefined ? '' : ` after ${duration(endedAt - openedAt)}`}</span></span>
      </p>`,
    )}
    <${Leases} leases=${header.leases ?? []} over=${isFinal(header.state)} />
    ${nothing ? html`<p class="soft">Nothing is waited for, no guard is open, no lease is held.</p>` : null}
  </${Card}>`;
}

function Leases({ leases, over }: { leases: NonNullable<OperationHeader['leases']>; over: boolean }): Content {
  if (leases.length === 0) return null;
  const lines = leases.map(
    ({ target, scope, token }) =>
      html`<li key=${`${target}/${scope}`}><code>${target}${scope ? `/${scope}` : ''}</code> <small class="soft">token ${token}</small></li>`,
  );
  return html`<details open=${leases.length < 2}>
    <summary><${Icon} name="key" /> ${plural(leases.length, 'lease')} ${over ? 'given back' : 'held'}</summary>
    <ul>${lines}</ul>
  </details>`;
}

function Awaited({ header, plan }: { header: OperationHeader; plan: StoredPlan | undefined }): Content {
  const { stages, since } = header.awaits!;
  return html`<div class="wait-line">
    <i class="sign wait" aria-hidden="true">?</i>
    <div>
      For <${Since} at=${since} /> it has waited for a person to agree to:
      <ul>
        ${stages.map((name) => {
          const spec = plan?.stages.find((one) => one.name === name);
          return html`<li key=${name}><b>${name}</b>: ${spec?.approval ?? spec?.title ?? name}</li>`;
        })}
      </ul>
    </div>
  </div>`;
}

/** Counts down; what is over its time says so in words too. */
function OpenGuard({ guard }: { guard: GuardRecord }): Content {
  const now = useNow(500);
  const left = guard.openedAt + guard.maxMs - now;
  const share = Math.max(0, Math.min(1, left / guard.maxMs));
  return html`<div class="guard" role="status" aria-live="off" data-guard=${guard.key}>
    <p><${Icon} name="shield" /> <b>${guard.what}</b>, on ${guard.target}</p>
    <p class="guard-clock ${left <= 0 || share < 0.25 ? 'bad' : ''}">
      ${left > 0 ? html`<b>${duration(left)}</b> left of ${duration(guard.maxMs)}` : html`<b>over its time by ${duration(-left)}</b>: it is being ended`}
    </p>
    <progress max="1" value=${share} aria-label="time left of the guard"></progress>
  </div>`;
}
