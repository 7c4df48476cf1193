/** Pause, drain and cancel, as far as they can be obeyed now. Closings of guards are exempt from all of them. */
import type { OperationState } from '@longshore/core';
import { ATTEMPT_SILENCE_MS } from '@longshore/core';
import type { Draft } from './draft.ts';

export function obey(draft: Draft): void {
  const { header } = draft;
  if (header.revert?.stopped) {
    stopTakingBack(draft);
    return;
  }
  if (header.intent === 'pause') {
    const open = draft.openGuards();
    const last = open.sort((a, b) => b.openedAt + b.maxMs - (a.openedAt + a.maxMs))[0];
    if (last)
      draft.waitsFor = `the pause begins when this has ended, at the latest at ${new Date(last.openedAt + last.maxMs).toISOString()}: ${open.map(({ what }) => what).join('; ')}`;
    else if (PAUSABLE.has(header.state) && !draft.ordinary().some((task) => draft.atWork(task))) {
      delete header.awaits;
      draft.state('paused');
    }
    return;
  }
  if (header.state === 'paused') {
    draft.goOn();
    addAgain(draft);
  }
  const stage = draft.plan?.stages[header.stage];
  const puttingAway = stage?.always === true;
  if (header.intent === 'cancel' && (header.ending === 'cancelled' || puttingAway)) {
    // What puts things away is not stopped: it ends, and the operation with it.
    header.ending ??= 'cancelled';
    delete header.intent;
    draft.touched = true;
    addAgain(draft);
  } else if (header.intent === 'cancel') {
    for (const task of draft.ordinary()) if (!draft.atWork(task)) draft.skip(task);
    if (draft.ordinary().length === 0) {
      header.ending ??= 'cancelled';
      delete header.intent;
      draft.touched = true;
    } else draft.wake(draft.now + ATTEMPT_SILENCE_MS);
  }
  if (header.intent === 'drain' && header.ending !== 'cancelled' && stage !== undefined && !puttingAway) {
    for (const task of draft.ordinary()) {
      const fresh = task.unit !== undefined && task.after === undefined && !draft.atWork(task);
      if (fresh && draft.tasks.has(task.id)) for (const one of draft.unitOf(task)) draft.skip(one);
    }
    if (draft.ordinary().length === 0 && header.ending === undefined) {
      header.ending = 'cancelled';
      draft.touched = true;
    }
  }
}

/** States out of which a pause leads. What waits for a person's word asks again when it is resumed. */
const PAUSABLE: ReadonlySet<OperationState> = new Set(['running', 'reverting', 'awaiting-approval']);

/** A step that is being taken back comes to its end; one that waits for its next try is left as it is, and so are all that come after. */
function stopTakingBack(draft: Draft): void {
  const { header } = draft;
  if (header.intent !== undefined) {
    delete header.intent;
    draft.touched = true;
  }
  if (header.state === 'paused') draft.goOn();
  for (const task of draft.ordinary()) if (!draft.atWork(task)) draft.skip(task);
  if (draft.ordinary().length > 0) draft.wake(draft.now + ATTEMPT_SILENCE_MS);
  // Nobody waits any more for a step that could not be taken back; a guard that is open is another matter.
  else if (draft.openGuards().length === 0) draft.mended();
}

/** Jobs that were taken off as unwanted meanwhile. */
export function addAgain(draft: Draft): void {
  for (const task of draft.tasks.values()) if (task.state === 'queued') draft.jobs.push(task);
}
