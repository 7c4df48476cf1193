/**
 * The error catalogue's machinery. An error is an entry with a stable code, one sentence, a remedy and a verdict on
 * whether trying again can help; it crosses processes as plain data (`ErrorData`) and comes back as a `LongshoreError`.
 */

/** Exit codes of the `longshore` command; a contract with scripts. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  incomplete: 3,
  refused: 4,
  unreachable: 5,
  attention: 6,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** An error as it is stored in an outcome, an event, or an API answer. Holds no secret and no stack. */
export interface ErrorData {
  code: string;
  message: string;
  fix: string;
  retryable: boolean;
  exitCode: ExitCode;
  /** How long the other side asked to be left alone, in ms (Retry-After). */
  retryAfterMs?: number;
}

export class LongshoreError extends Error {
  readonly data: ErrorData;
  constructor(data: ErrorData, options?: ErrorOptions) {
    super(data.message, options);
    this.name = data.code;
    this.data = data;
  }
  get code(): string {
    return this.data.code;
  }
}

export interface ErrorEntry<D> {
  readonly code: string;
  (details: D, options?: ErrorOptions & { retryAfterMs?: number }): LongshoreError;
  /** Narrows anything thrown, also after it has crossed a process. */
  is(error: unknown): error is LongshoreError;
}

interface ErrorSpec<D> {
  message: (details: D) => string;
  fix: string | ((details: D) => string);
  retryable: boolean;
  exitCode: ExitCode;
}

const catalogue = new Map<string, { fix: string; retryable: boolean; exitCode: ExitCode }>();

/** Registers an entry. A code is used once, and never again after it has been retired. */
export function defineError<D>(code: `LSH_${string}`, spec: ErrorSpec<D>): ErrorEntry<D> {
  if (catalogue.has(code)) throw new TypeError(`the error code ${code} is defined twice`);
  catalogue.set(code, { fix: typeof spec.fix === 'string' ? spec.fix : '', retryable: spec.retryable, exitCode: spec.exitCode });
  const make = (details: D, options?: ErrorOptions & { retryAfterMs?: number }): LongshoreError => {
    const data: ErrorData = {
      code,
      message: spec.message(details),
      fix: typeof spec.fix === 'string' ? spec.fix : spec.fix(details),
      retryable: spec.retryable,
      exitCode: spec.exitCode,
    };
    if (options?.retryAfterMs !== undefined) data.retryAfterMs = options.retryAfterMs;
    return new LongshoreError(data, options);
  };
  return Object.assign(make, {
    code,
    is: (error: unknown): error is LongshoreError => error instanceof LongshoreError && error.code === code,
  });
}

/** Every registered code with its fixed parts, sorted; the documentation is checked against it. */
export function errorCatalogue(): { code: string; fix: string; retryable: boolean; exitCode: ExitCode }[] {
  return [...catalogue].map(([code, entry]) => ({ code, ...entry })).sort((a, b) => (a.code < b.code ? -1 : 1));
}

export const InternalError: ErrorEntry<{ cause: unknown }> = defineError('LSH_INTERNAL', {
  message: ({ cause }) => `an unexpected error: ${cause instanceof Error ? cause.message : String(cause)}`,
  fix: 'This is a fault in Longshore. Keep the log and report it.',
  retryable: true,
  exitCode: EXIT.failed,
});

/** Anything thrown, as plain data. What is not in the catalogue becomes `LSH_INTERNAL`, retryable. */
export function errorData(thrown: unknown): ErrorData {
  if (thrown instanceof LongshoreError) return thrown.data;
  return InternalError({ cause: thrown }).data;
}
