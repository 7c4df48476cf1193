/** What a stand-in was asked, and how it answered: the memory tests assert on. */

export interface LoggedRequest {
  /** ms since the epoch, when the request had arrived whole. */
  at: number;
  method: string;
  path: string;
  /** Raw query string, without the question mark. */
  query: string;
  /** 0 when the connection was cut without a reply. */
  status: number;
  /** Body bytes as they came over the wire. */
  requestBytes: number;
  /** Body bytes as they went over the wire. */
  replyBytes: number;
  /** Kinds of the effects that struck this request. */
  faults: string[];
}

export interface RequestLog {
  /** The last `LOG_LIMIT` requests, oldest first. */
  readonly requests: readonly LoggedRequest[];
  /** Requests that asked to delete data, by whatever way. A client of ours never sends one. */
  readonly deletes: readonly LoggedRequest[];
  /** Every request ever seen, also those no longer in `requests`. */
  readonly total: number;
  /** Requests whose `METHOD path?query` the pattern matches; a string is a path. */
  matching(pattern: RegExp | string): LoggedRequest[];
  /** Resolves with the first finished request that satisfies `predicate`, past or future. */
  seen(predicate: (request: LoggedRequest) => boolean): Promise<LoggedRequest>;
  clear(): void;
}

export const LOG_LIMIT = 100_000;

export class RequestRecorder implements RequestLog {
  readonly requests: LoggedRequest[] = [];
  readonly deletes: LoggedRequest[] = [];
  total = 0;
  #waiting: { predicate: (request: LoggedRequest) => boolean; resolve: (request: LoggedRequest) => void }[] = [];

  add(request: LoggedRequest, deleting: boolean): void {
    this.total += 1;
    this.requests.push(request);
    // Halved at once, so that dropping old entries does not cost a copy per request.
    if (this.requests.length > LOG_LIMIT) this.requests.splice(0, LOG_LIMIT / 2);
    if (deleting) this.deletes.push(request);
    this.#waiting = this.#waiting.filter((waiter) => {
      if (!waiter.predicate(request)) return true;
      waiter.resolve(request);
      return false;
    });
  }

  matching(pattern: RegExp | string): LoggedRequest[] {
    return this.requests.filter((request) =>
      typeof pattern === 'string' ? request.path === pattern : pattern.test(`${request.method} ${request.path}?${request.query}`),
    );
  }

  seen(predicate: (request: LoggedRequest) => boolean): Promise<LoggedRequest> {
    const past = this.requests.find(predicate);
    if (past) return Promise.resolve(past);
    return new Promise((resolve) => this.#waiting.push({ predicate, resolve }));
  }

  clear(): void {
    this.requests.length = 0;
    this.deletes.length = 0;
    this.total = 0;
  }
}
