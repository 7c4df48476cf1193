/** What can be wrong with a spool, as catalogue entries. */
import { defineError, type ErrorEntry, EXIT, LongshoreError } from '@longshore/core';

export const SpoolFull: ErrorEntry<{ path: string; doing: string; reason: string }> = defineError('LSH_SPOOL_FULL', {
  message: ({ path, doing, reason }) => `no room to ${doing} ${path}: ${reason}`,
  fix: 'Make room on the disk of the spool, raise its quota, or add another spool; the dump goes on behind its last complete chunk.',
  retryable: true,
  exitCode: EXIT.failed,
});

export const SpoolDamaged: ErrorEntry<{ path: string; what: string }> = defineError('LSH_SPOOL_DAMAGED', {
  message: ({ path, what }) => `${path} is damaged: ${what}`,
  fix: 'Discard the batch and dump it again; if more than one is damaged, check the disk of the spool first.',
  retryable: false,
  exitCode: EXIT.failed,
});

export const SpoolUnsafe: ErrorEntry<{ path: string; what: string }> = defineError('LSH_SPOOL_UNSAFE', {
  message: ({ path, what }) => `${path} is not used as part of a spool: ${what}`,
  fix: 'A spool holds plain files and folders that Longshore made, under names of a-z, 0-9, "_", "-" and "."; remove what was put there by somebody else.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const SpoolMissing: ErrorEntry<{ path: string; what: string }> = defineError('LSH_SPOOL_MISSING', {
  message: ({ path, what }) => `${path} is not there: ${what}`,
  fix: 'See that the spool is mounted at the configured path on this machine, and that its folders were not removed by hand.',
  retryable: true,
  exitCode: EXIT.failed,
});

export const SpoolSuperseded: ErrorEntry<{ path: string; generation: number; what: string }> = defineError('LSH_SPOOL_SUPERSEDED', {
  message: ({ path, generation, what }) => `attempt ${generation} may not write to ${path} any more: ${what}`,
  fix: 'Nothing is to be done: a newer attempt at the same batch has taken over.',
  retryable: true,
  exitCode: EXIT.failed,
});

export const SpoolUnreadable: ErrorEntry<{ path: string; doing: string; reason: string }> = defineError('LSH_SPOOL_IO', {
  message: ({ path, doing, reason }) => `could not ${doing} ${path}: ${reason}`,
  fix: 'Check the disk, the mount and the permissions of the spool on this machine.',
  retryable: true,
  exitCode: EXIT.failed,
});

/** No blocks left, no inodes left (also ENOSPC), over the quota, over the largest file allowed. */
const FULL = new Map([
  ['ENOSPC', 'no space or no inodes are left on the disk'],
  ['EDQUOT', 'the disk quota is used up'],
  ['EFBIG', 'the file would be larger than the system allows'],
]);

/** The `code` of a system error. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** A system error as a catalogue entry; entries pass through. */
export function spoolError(error: unknown, doing: string, path: string): LongshoreError {
  if (error instanceof LongshoreError) return error;
  const code = errorCode(error);
  const full = code === undefined ? undefined : FULL.get(code);
  if (full !== undefined) return SpoolFull({ path, doing, reason: full }, { cause: error });
  if (code === 'ELOOP') return SpoolUnsafe({ path, what: 'it is a symbolic link' }, { cause: error });
  const reason = code ?? (error instanceof Error ? error.message : String(error));
  return SpoolUnreadable({ path, doing, reason }, { cause: error });
}
