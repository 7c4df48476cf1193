/** What a proxy may answer, or leave unanswered, by OpenIO's own codes. */
import type { ErrorEntry, LongshoreError } from '@longshore/core';
import { defineError, EXIT } from '@longshore/core';

/** `what` completes "… at PROXY". */
export interface Refusal {
  what: string;
  proxy: string;
  code: number;
  answer: string;
}
type RefusalEntry = ErrorEntry<Refusal>;

const says = ({ what, proxy, code, answer }: Refusal): string => `${what}: ${proxy} answers ${code} (${answer})`;

export const OutcomeUnknown: ErrorEntry<{ what: string; proxy: string; reason: string }> = defineError('LSH_OPENIO_UNKNOWN', {
  message: ({ what, proxy, reason }) => `${what} at ${proxy}: whether it was done is not known (${reason})`,
  fix: 'It is read when the request can no longer take effect, and done again where it was not.',
  retryable: true,
  exitCode: EXIT.unreachable,
});

export const ServiceAway: RefusalEntry = defineError('LSH_OPENIO_SERVICE_AWAY', {
  message: says,
  fix: 'Check that the service it names runs and can be reached from the proxy; it is tried again.',
  retryable: true,
  exitCode: EXIT.unreachable,
});

export const Unavailable: RefusalEntry = defineError('LSH_OPENIO_UNAVAILABLE', {
  message: says,
  fix: 'No majority of the replicas answers, or the election fails. `longshore openio check` says what stands in the way; it is tried again.',
  retryable: true,
  exitCode: EXIT.unreachable,
});

export const NotLocated: RefusalEntry = defineError('LSH_OPENIO_NOT_LOCATED', {
  message: says,
  fix: 'Neither meta1 nor the services know the container. Check account and name; `longshore openio check` finds rows without a base.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const NoSuchReference: RefusalEntry = defineError('LSH_OPENIO_NO_REFERENCE', {
  message: says,
  fix: 'Check account and container; names are case-sensitive.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const NotManaged: RefusalEntry = defineError('LSH_OPENIO_NOT_MANAGED', {
  message: says,
  fix: 'The proxy is of another namespace, or does not know this sort of service. Check --ns and --proxy.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const ContainerFrozen: RefusalEntry = defineError('LSH_OPENIO_FROZEN', {
  message: says,
  fix: 'Somebody has frozen the container. When it is a leftover, enable it; then try again.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const ContainerDisabled: RefusalEntry = defineError('LSH_OPENIO_DISABLED', {
  message: says,
  fix: 'Somebody has disabled the container. Enable it, then try again.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const AlreadyEnabled: RefusalEntry = defineError('LSH_OPENIO_ALREADY_ENABLED', {
  message: says,
  fix: 'There is nothing to be done.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const AlreadyLinked: RefusalEntry = defineError('LSH_OPENIO_LINKED', {
  message: says,
  fix: 'In meta1 there is a row for this container and sequence already. Longshore replaces rows; this answer means that somebody else inserts one.',
  retryable: false,
  exitCode: EXIT.failed,
});

export const TargetIsMaster: RefusalEntry = defineError('LSH_OPENIO_TARGET_IS_MASTER', {
  message: says,
  fix: 'The new replica takes part in the election as master; it is made to leave, and the copy is tried again.',
  retryable: true,
  exitCode: EXIT.failed,
});

export const CopyRefused: RefusalEntry = defineError('LSH_OPENIO_COPY_REFUSED', {
  message: says,
  fix: 'The master has changed meanwhile; the state is read again and the copy tried from there.',
  retryable: true,
  exitCode: EXIT.failed,
});

export const NothingFits: RefusalEntry = defineError('LSH_OPENIO_NOTHING_FITS', {
  message: says,
  fix: 'Too few services are up, have a score above 0 and suit the location constraints.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const CorruptBase: RefusalEntry = defineError('LSH_OPENIO_CORRUPT', {
  message: says,
  fix: 'A replica cannot be read as a database. `longshore openio check` names it; a move away from it takes the data of the others.',
  retryable: false,
  exitCode: EXIT.failed,
});

export const Refused: RefusalEntry = defineError('LSH_OPENIO_REFUSED', {
  message: says,
  fix: 'Check --ns, --proxy and the log of the proxy.',
  retryable: false,
  exitCode: EXIT.failed,
});

export const ServerError: RefusalEntry = defineError('LSH_OPENIO_SERVER_ERROR', {
  message: says,
  fix: 'Look at the log of the services it names; the state is read and it is tried again.',
  retryable: true,
  exitCode: EXIT.failed,
});

export const NotUnderstood: ErrorEntry<{ what: string; proxy: string; problem: string }> = defineError('LSH_OPENIO_REPLY', {
  message: ({ what, proxy, problem }) => `${what}: the answer of ${proxy} is not what OpenIO answers (${problem})`,
  fix: 'Check that the address is that of an oio-proxy, or of the rdir.',
  retryable: false,
  exitCode: EXIT.failed,
});

const BY_CODE: Readonly<Record<number, RefusalEntry>> = {
  2: ServiceAway,
  3: ServiceAway,
  4: ServiceAway,
  5: ServiceAway,
  6: ServiceAway,
  7: ServiceAway,
  8: ServiceAway,
  10: ServiceAway,
  305: Unavailable,
  406: NoSuchReference,
  418: NotManaged,
  420: NotLocated,
  431: NotLocated,
  436: ContainerFrozen,
  437: ContainerDisabled,
  439: AlreadyEnabled,
  450: Unavailable,
  453: NotManaged,
  454: NotLocated,
  455: AlreadyLinked,
  470: CopyRefused,
  471: CopyRefused,
  472: CopyRefused,
  473: TargetIsMaster,
  480: NothingFits,
  481: NothingFits,
  503: Unavailable,
  504: Unavailable,
  509: Unavailable,
  511: CorruptBase,
};

/** The error of a code; of one that is not known, by the class of the HTTP status. */
export function refusalOf(refusal: Refusal, httpStatus: number, retryAfterMs?: number): LongshoreError {
  const entry = BY_CODE[refusal.code] ?? (httpStatus === 503 ? Unavailable : httpStatus >= 500 ? ServerError : Refused);
  return entry(refusal, retryAfterMs === undefined ? {} : { retryAfterMs });
}
