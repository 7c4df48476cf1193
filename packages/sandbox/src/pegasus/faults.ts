/** Faults on order: which requests, how often, and what befalls them. The oldest rule that fits decides. */

export type PegasusFault =
  /** The request is swallowed; nothing is done. */
  | { kind: 'silent' }
  /** It is done, and the answer never comes. */
  | { kind: 'no-answer' }
  /** The connection is cut; nothing is done. */
  | { kind: 'cut-before' }
  /** It is done, then the connection is cut. */
  | { kind: 'cut-after' }
  /** It is done so much later; the answer never comes. */
  | { kind: 'late'; ms: number }
  /** It waits first; then all is as ever. */
  | { kind: 'delay'; ms: number }
  /** The header of the answer has this error; nothing is done. */
  | { kind: 'header-error'; name: string }
  /** The answer has this error and hint; nothing is done. */
  | { kind: 'error'; name: string; hint?: string }
  /** The true answer, broken. */
  | { kind: 'truncated' | 'oversized' | 'wrong-seq' };

/** What rules see of a request: `RPC_CM_LIST_NODES` or `GET /replica/data_version?app_id=2`, and the address it was sent to. */
export type FaultMatch = string | RegExp | ((request: { call: string; node: string }) => boolean);

export interface FaultRule {
  readonly hits: number;
  remove(): void;
}

export class PegasusFaults {
  #rules: { match: FaultMatch; fault: PegasusFault; left: number; hits: number }[] = [];

  /** `times`: how many requests it strikes; absent: every one. */
  add(match: FaultMatch, fault: PegasusFault, times: number = Number.POSITIVE_INFINITY): FaultRule {
    const rule = { match, fault, left: times, hits: 0 };
    this.#rules.push(rule);
    return {
      get hits() {
        return rule.hits;
      },
      remove: () => {
        this.#rules = this.#rules.filter((one) => one !== rule);
      },
    };
  }

  clear(): void {
    this.#rules = [];
  }

  strike(request: { call: string; node: string }): PegasusFault | undefined {
    const rule = this.#rules.find(({ match, left }) => left > 0 && fits(match, request));
    if (rule === undefined) return undefined;
    rule.left -= 1;
    rule.hits += 1;
    return rule.fault;
  }
}

function fits(match: FaultMatch, request: { call: string; node: string }): boolean {
  if (typeof match === 'function') return match(request);
  return typeof match === 'string' ? request.call === match : match.test(request.call);
}
