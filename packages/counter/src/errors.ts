/** What can be wrong with an operation on counters, apart from what the exchange with a service says itself. */
import type { ErrorEntry } from '@longshore/core';
import { defineError, EXIT } from '@longshore/core';

export const CounterExists: ErrorEntry<{ service: string; counter: string; value: number }> = defineError('LSH_COUNTER_EXISTS', {
  message: ({ service, counter, value }) => `${service} has a counter ${counter} already (it holds ${value})`,
  fix: 'Nothing of it was changed. Delete it there, or move the counter somewhere else.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const CounterMissing: ErrorEntry<{ service: string; counter: string }> = defineError('LSH_COUNTER_MISSING', {
  message: ({ service, counter }) => `${service} has no counter ${counter}`,
  fix: 'Check the name, and whether the counter was moved already: its route says where to.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const DeniedBySomebodyElse: ErrorEntry<{ service: string; counter: string; by: string; note: string }> = defineError(
  'LSH_COUNTER_DENIED',
  {
    message: ({ service, counter, by, note }) => `writes to ${counter} at ${service} are denied by ${by}${note === '' ? '' : ` (${note})`}`,
    fix: 'It is not ours to lift. Ask whoever set it; when it is a leftover, set the denial to null and start again.',
    retryable: false,
    exitCode: EXIT.refused,
  },
);

export const RoutedElsewhere: ErrorEntry<{ service: string; counter: string; route: string }> = defineError('LSH_COUNTER_ROUTED', {
  message: ({ service, counter, route }) => `clients of ${counter} at ${service} are sent to ${route}`,
  fix: 'Name the service that the clients use as the source.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const NotInsideGuard: ErrorEntry<{ service: string; counter: string }> = defineError('LSH_COUNTER_WRITES_OPEN', {
  message: ({ service, counter }) =>
    `writes to ${counter} at ${service} are not denied by this operation any more, so it cannot be cut over`,
  fix: 'The denial has run out or was lifted. Start the operation again, with a longer maxDenialMs where it ran out.',
  retryable: false,
  exitCode: EXIT.failed,
});

export const AddsLost: ErrorEntry<{ counter: string; source: string; lost: number }> = defineError('LSH_COUNTER_LOST', {
  message: ({ counter, source, lost }) => `${source} has taken ${lost} for ${counter} that did not go along`,
  fix: 'Add them at the sink by hand, and keep the log: a service that takes writes while it denies them cannot be moved safely.',
  retryable: false,
  exitCode: EXIT.incomplete,
});

export const NotEnough: ErrorEntry<{ service: string; counter: string; units: number }> = defineError('LSH_COUNTER_NOT_ENOUGH', {
  message: ({ service, counter, units }) => `${service} has less than ${units} left in ${counter}`,
  fix: 'It was taken from since the plan was made. Plan again.',
  retryable: false,
  exitCode: EXIT.incomplete,
});

export const Uneven: ErrorEntry<{ planned: number; moved: number }> = defineError('LSH_COUNTER_UNEVEN', {
  message: ({ planned, moved }) => `finished, but only ${moved} of ${planned} units were moved`,
  fix: 'The report names the moves that failed, and why. Submit the same again: what is even already is not touched.',
  retryable: false,
  exitCode: EXIT.incomplete,
});
