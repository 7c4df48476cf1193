/** What each button says before it does anything: what will happen, in words. Pure. */
import type { Action } from './may.ts';
import type { OperationHeader } from './wire.ts';

export interface Asked {
  /** On the button in the page. */
  label: string;
  title: string;
  /** Paragraphs. */
  words: string[];
  /** On the button that does it. */
  yes: string;
  danger?: true;
  /** A reason is asked for, and kept with it. */
  reason?: true;
}

export function askedFor(action: Action, { id, state, stages, stage, error, guarded, revert }: AskedOf): Asked {
  const left = stages.length - stage;
  switch (action) {
    case 'start':
      return {
        label: 'Start',
        title: `Start ${id}?`,
        words: [
          'It takes its leases, plans once more and compares. If the targets are still as planned, the plan below runs.',
          'If something differs, nothing is changed: it stays planned and says what differs.',
        ],
        yes: 'Start it',
      };
    case 'replan':
      return {
        label: 'Plan anew and start',
        title: `Plan ${id} anew and start it?`,
        words: [
          'It takes its leases and makes a new plan from the targets as they are now. That one runs, also where it differs from what is shown below.',
          ...(error ? [`Before: ${error.message}`] : []),
        ],
        yes: 'Plan anew and start',
        danger: true,
      };
    case 'approve':
      return { label: 'Approve', title: 'Let it go on?', words: ['With your word these stages may begin:'], yes: 'Approve', reason: true };
    case 'pause':
      return {
        label: 'Pause',
        title: `Pause ${id}?`,
        words:
          state === 'submitted' || state === 'planned'
            ? ['It has not begun, and nothing has been changed. Nothing begins until it is resumed.']
            : [
                'Tasks that run now are let finish, nothing new is begun. Nothing is lost.',
                ...(guarded
                  ? ['A guard is open: it pauses when that has ended, so that no target stays in a state that must not last.']
                  : []),
                'It keeps its leases. Resume goes on where it stood.',
              ],
        yes: 'Pause it',
      };
    case 'resume':
      return { label: 'Resume', title: `Resume ${id}?`, words: ['It goes on where it stood.'], yes: 'Resume it' };
    case 'drain':
      return {
        label: 'Drain',
        title: `Drain ${id}?`,
        words: [
          'Nothing new is begun, what has been begun is brought to its end. Then it ends as cancelled.',
          'With a time limit, what still runs then is stopped.',
        ],
        yes: 'Drain it',
        danger: true,
      };
    case 'finish':
      return {
        label: 'Finish',
        title: `Finish ${id}?`,
        words: ['It would go on for ever. What has come due by now is done, then it goes on with what comes next, to its end.'],
        yes: 'Finish it',
      };
    case 'cancel':
      return {
        label: 'Cancel',
        title: `Cancel ${id}?`,
        words: [
          state === 'submitted'
            ? 'It is still being planned: nothing has been changed.'
            : revert
              ? 'The step that is being taken back is brought to its end, no further one is begun. Revert goes on with the rest later.'
              : 'Running tasks are stopped, open guards are closed first, its things are put away. It cannot be resumed.',
          ...(state === 'submitted' || revert
            ? []
            : ['What was done stays done; Revert can take it back afterwards, where its tasks know how.']),
        ],
        yes: 'Cancel it',
        danger: true,
      };
    case 'discard':
      return {
        label: 'Discard',
        title: 'Throw this plan away?',
        words: ['Nothing has been changed and nothing will be.'],
        yes: 'Throw it away',
        danger: true,
      };
    case 'retry':
      return state === 'failed'
        ? {
            label: 'Retry',
            title: `Try ${id} again?`,
            words: [
              `It goes on at the stage that failed; ${left > 1 ? `${left} stages are left` : 'one stage is left'}. Inside a guard it begins at the stage that opens it.`,
              'Refused when somebody else has worked on the same targets since.',
            ],
            yes: 'Try again',
          }
        : {
            label: 'Retry now',
            title: 'Try again at once?',
            words: ['What waits for its next try is tried now.'],
            yes: 'Try now',
          };
    case 'revert':
      return {
        label: 'Revert',
        title: `Take back what ${id} did?`,
        words: ['These are undone one after another, newest first. Refused when somebody else has worked on the same targets since.'],
        yes: 'Take it back',
        danger: true,
      };
    case 'take-over':
      return {
        label: 'Take over',
        title: 'End by hand what could not be closed?',
        words: [
          'From then on you answer for what is still open: Longshore no longer tries to close it, and ends the operation as failed.',
          'Do it in the target first.',
        ],
        yes: 'I have ended it by hand',
        danger: true,
        reason: true,
      };
  }
}

export type AskedOf = Pick<OperationHeader, 'id' | 'state' | 'stages' | 'stage' | 'error' | 'revert'> & { guarded: boolean };
