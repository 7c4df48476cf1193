/** From submitted to running: the plan is made, and made again and compared where it is not fresh. */
import type { Json } from '@longshore/core';
import { PLAN_FRESH_MS } from '@longshore/core';
import { canonicalJson } from './canonical.ts';
import type { DecideInput, Draft } from './draft.ts';
import { PLAN_TASK, PLANNING } from './draft.ts';

/**
 * A pause that comes before anything has begun: the planning is given up, no lease is asked for, and what it has is given back (in
 * `advance`), since it keeps nobody else from the target while it waits for a person. Resumed, it stands where it stood, and looks at its
 * targets once more where it had its leases already. True while it lasts.
 */
export function heldBack(draft: Draft): boolean {
  const { header } = draft;
  const { state } = header;
  if (header.startedAt !== undefined) return false;
  if (state === 'paused' && header.intent !== 'pause') {
    draft.state(header.planHash === undefined ? 'submitted' : 'planned');
  } else if (header.intent === 'pause' && state === 'planned' && header.mode === 'plan') {
    // It has come to rest by itself, and the next `start` is not to find it paused.
    delete header.intent;
    draft.touched = true;
  } else if (header.intent === 'pause' && (state === 'submitted' || state === 'planned')) {
    for (const id of draft.tasks.keys()) draft.forget(id);
    if (header.leases !== undefined) header.recheck ??= { replan: false };
    delete header.leases;
    draft.state('paused');
  }
  return header.state === 'paused';
}

/** Queues the planning, unless it runs already. */
export function beginPlanning(draft: Draft, input: DecideInput): void {
  const { header } = draft;
  if (header.intent === 'cancel' || header.intent === 'drain') {
    for (const id of draft.tasks.keys()) draft.forget(id);
    draft.state('cancelled');
    return;
  }
  if (draft.tasks.has('plan')) return;
  draft.queue({
    id: 'plan',
    task: PLAN_TASK,
    params: header.params,
    placement: 'role',
    stage: PLANNING,
    role: input.kind.role,
    queue: input.kind.role,
    state: 'queued',
    // A number no earlier planning had: a late delivery of that one is not taken for this one.
    round: header.version + 1,
    failures: 0,
  });
}

/** True when only its leases are lacking. A plan that is to be checked is checked while they are held. */
export function readyToStart(draft: Draft, input: DecideInput): boolean {
  const { header } = draft;
  if (header.intent === 'cancel' || header.intent === 'drain') {
    for (const id of draft.tasks.keys()) draft.forget(id);
    draft.state('discarded');
    return false;
  }
  if (header.mode !== 'run') return false;
  if (header.recheck === undefined && header.leases === undefined && input.now - (header.plannedAt ?? 0) >= PLAN_FRESH_MS) {
    header.recheck = { replan: false };
    draft.touched = true;
  }
  if (header.recheck === undefined) return true;
  if (header.leases === undefined) return true;
  beginPlanning(draft, input);
  return false;
}

/** What differs, one line each: `tables.t.partitions: 4, now 8`. Empty when they are equal. */
export function differences(before: Json, after: Json, path = ''): string[] {
  if (canonicalJson(before) === canonicalJson(after)) return [];
  const record = (value: Json): value is { [key: string]: Json } => value !== null && typeof value === 'object' && !Array.isArray(value);
  if (!record(before) || !record(after)) return [`${path || 'it'}: ${shown(before)}, now ${shown(after)}`];
  const found: string[] = [];
  for (const key of [...new Set([...Object.keys(before), ...Object.keys(after)])].sort()) {
    const [one, other] = [before[key], after[key]];
    const at = path === '' ? key : `${path}.${key}`;
    if (one === undefined) found.push(`${at}: is new (${shown(other!)})`);
    else if (other === undefined) found.push(`${at}: is gone (was ${shown(one)})`);
    else found.push(...differences(one, other, at));
  }
  return found;
}

const SHOWN = 80;

function shown(value: Json): string {
  const text = JSON.stringify(value);
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}
