/** Calls of the API. Errors carry its sentence and its remedy; a lost connection is one of them. */
import type { ErrorData } from './wire.ts';

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

/** The answer to a request that went well. Throws `ApiError`, or what `signal` was aborted with. */
async function request(method: string, path: string, options: Ask = {}): Promise<Response> {
  const { body, signal, extra } = options;
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers: { ...headers(), ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...extra },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
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
  return response;
}

interface Ask {
  body?: unknown;
  signal?: AbortSignal;
  extra?: Record<string, string>;
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await (await request('GET', path, signal ? { signal } : {})).json()) as T;
}

export async function getText(path: string, signal?: AbortSignal): Promise<string> {
  return (await request('GET', path, signal ? { signal } : {})).text();
}

export async function post<T>(path: string, body?: unknown, extra?: Record<string, string>): Promise<T> {
  return (await (await request('POST', path, { body, ...(extra ? { extra } : {}) })).json()) as T;
}

export async function remove(path: string): Promise<void> {
  await request('DELETE', path);
}

export const operationPath = (id: string, part?: string): string =>
  `/v1/operations/${encodeURIComponent(id)}${part === undefined ? '' : `/${part}`}`;

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
