/** What a counter service may answer, or leave unanswered. */
import type { ErrorEntry } from '@longshore/core';
import { defineError, EXIT } from '@longshore/core';

export const OutcomeUnknown: ErrorEntry<{ what: string; service: string; reason: string }> = defineError('LSH_COUNTER_UNKNOWN', {
  message: ({ what, service, reason }) => `${what} at ${service}: whether it was done is not known (${reason})`,
  fix: 'It is looked up when the request can no longer take effect, and done again where it was not.',
  retryable: true,
  exitCode: EXIT.unreachable,
});

export const ServiceBusy: ErrorEntry<{ what: string; service: string; status: number }> = defineError('LSH_COUNTER_BUSY', {
  message: ({ what, service, status }) => `${what}: ${service} answers ${status}`,
  fix: 'Look at the load and the log of the service; it is tried again.',
  retryable: true,
  exitCode: EXIT.unreachable,
});

export const ChangedMeanwhile: ErrorEntry<{ what: string; service: string; answer: string }> = defineError('LSH_COUNTER_CHANGED', {
  message: ({ what, service, answer }) => `${what}: ${service} refuses it, somebody has changed the value since it was read (${answer})`,
  fix: 'It is read and tried again. If it stays so, look for whoever else writes there.',
  retryable: true,
  exitCode: EXIT.failed,
});

export const OlderToken: ErrorEntry<{ what: string; service: string; answer: string }> = defineError('LSH_COUNTER_FENCED', {
  message: ({ what, service, answer }) => `${what}: ${service} refuses it, a newer operation has been there (${answer})`,
  fix: 'Look at what the newer operation did before anything is tried again.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const WritesDenied: ErrorEntry<{ what: string; service: string; answer: string }> = defineError('LSH_COUNTER_WRITES_DENIED', {
  message: ({ what, service, answer }) => `${what}: ${service} takes no writes to it now (${answer})`,
  fix: 'Wait for the operation that denies them, or ask whoever set the denial.',
  retryable: true,
  exitCode: EXIT.failed,
});

export const TooLittle: ErrorEntry<{ what: string; service: string; answer: string }> = defineError('LSH_COUNTER_BELOW_ZERO', {
  message: ({ what, service, answer }) => `${what}: ${service} refuses it (${answer})`,
  fix: 'A counter cannot go below zero. Plan again from what is there now.',
  retryable: false,
  exitCode: EXIT.failed,
});

export const Refused: ErrorEntry<{ what: string; service: string; status: number; answer: string }> = defineError('LSH_COUNTER_REFUSED', {
  message: ({ what, service, status, answer }) => `${what}: ${service} answers ${status} (${answer})`,
  fix: 'Check that the address is that of a counter service, and its log.',
  retryable: false,
  exitCode: EXIT.failed,
});
