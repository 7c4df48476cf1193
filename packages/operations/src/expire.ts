/** Deadlines: of the operation, of a drain, of an approval nobody gives. (Guards have theirs in `guards.ts`, attempts in the worker.) */
import { APPROVAL_WAIT_MS, FINAL_STATES } from '@longshore/core';
import type { Draft } from './draft.ts';
import { ApprovalMissing, OperationTooLong } from './errors.ts';

export function expire(draft: Draft): void {
  const { header, now } = draft;
  if (header.intent === 'drain' && header.drainUntil !== undefined) {
    if (now >= header.drainUntil) {
      header.intent = 'cancel';
      draft.event('intent', 'the drain has run out of time: what still runs is stopped');
    } else draft.wake(header.drainUntil);
  }
  const ending = header.ending !== undefined || header.intent === 'cancel';
  if (header.deadlineAt !== undefined && !ending && header.revert === undefined) {
    if (now >= header.deadlineAt) {
      stop(draft, OperationTooLong({ atMs: header.deadlineAt }).data);
    } else draft.wake(header.deadlineAt);
  }
  if (header.awaits) {
    const until = header.awaits.since + APPROVAL_WAIT_MS;
    if (now < until) draft.wake(until);
    else if (!ending && !header.revert?.stopped)
      stop(draft, ApprovalMissing({ stages: header.awaits.stages, sinceMs: header.awaits.since }).data);
  }
}

/** What has not begun runs out of time too, but for a plan that nobody has started. */
export function expireBeforeStart(draft: Draft): void {
  const { header, now } = draft;
  const begun = header.startedAt !== undefined;
  const rests = header.state === 'planned' && header.mode === 'plan';
  if (header.deadlineAt === undefined || begun || rests || FINAL_STATES.has(header.state)) return;
  if (now < header.deadlineAt) draft.wake(header.deadlineAt);
  else {
    header.error = OperationTooLong({ atMs: header.deadlineAt }).data;
    draft.state('failed');
  }
}

/** It fails, and what runs is stopped as by a cancel. */
export function stop(draft: Draft, error: NonNullable<Draft['header']['error']>): void {
  const { header } = draft;
  if (header.revert) {
    header.error = error;
    header.revert = { ...header.revert, stopped: { by: 'longshore', at: draft.now } };
  } else {
    header.error ??= error;
    header.ending ??= 'failed';
    header.intent = 'cancel';
    delete header.intentBy;
  }
  draft.event('deadline', `${error.message}. ${error.fix}`);
}
