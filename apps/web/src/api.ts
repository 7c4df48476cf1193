/** Calls of the API. Errors carry its sentence and its remedy; a lost connection is one of them. */
import { caller } from './vendor/contract.js';
import type { ApiRequest, Call, ErrorData } from './wire.ts';

export class ApiError extends Error {
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  readonly code: string;
  readonly fix: string;
  constructor(status: number, { code, message, fix }: Pick<ErrorData, 'code' | 'message' | 'fix'>) {
    super(message);
    this.name = code;
    this.status = status;
    this.code = code;
    this.fix = fix;
  }
}

const USER = 'longshore.user';

/** The name a person gave where the API asks for no token: for the record only. */
export const nameOfPerson = {
  get: (): string => localStorage.getItem(USER) ?? '',
  set: (name: string): void => localStorage.setItem(USER, name),
};

/** A token went into a cookie that scripts cannot read; it goes along by itself. */
function headers(): Record<string, string> {
  const name = nameOfPerson.get();
  return name === '' ? {} : { 'x-longshore-user': name };
}

interface Options {
  signal?: AbortSignal;
}

/** Throws `ApiError`, or what `signal` was aborted with. */
async function send({ method, path, headers: own, body, text }: ApiRequest, { signal }: Options): Promise<unknown> {
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers: { ...headers(), ...own },
      ...(body === undefined ? {} : { body }),
      ...(signal ? { signal } : {}),
    });
  } catch (error) {
    signal?.throwIfAborted();
    const message = `the API does not answer (${error instanceof Error ? error.message : String(error)})`;
    throw new ApiError(0, {
      code: 'no answer',
      message,
      fix: 'It is asked again by itself. See whether the fleet runs: `longshore doctor`.',
    });
  }
  if (!response.ok) throw await refusal(response);
  if (response.status === 204) return null;
  return text ? response.text() : response.json();
}

/** `call('GET /v1/operations/:id', { params: { id } })`: what each route takes and answers is known. */
export const call: Call<Options> = caller(send, {});

async function refusal(response: Response): Promise<ApiError> {
  const text = await response.text();
  try {
    const { error } = JSON.parse(text) as { error: ErrorData };
    return new ApiError(response.status, error);
  } catch {
    // Not the API's own answer: something between here and there.
    return new ApiError(response.status, {
      code: `HTTP ${response.status}`,
      message: `the answer was ${response.status} ${response.statusText}`,
      fix: 'Look at the log of the API, or of what stands before it.',
    });
  }
}
