/** Faults of single calls, on order: which method, how often, and what befalls it. */
import { status } from '@grpc/grpc-js';

export type CallFault =
  /** Refused with this text, as code 2; nothing is done. */
  | { kind: 'refuse'; details: string }
  /** The connection is lost; nothing was done. */
  | { kind: 'lost-before' }
  /** It is done, and the connection is lost. */
  | { kind: 'lost-after' }
  /** Nothing is done, and nobody answers. */
  | { kind: 'hang' }
  /** The connection is lost at once, and it is done so much later all the same. */
  | { kind: 'late'; landsAfterMs: number };

export interface OrderedFault {
  readonly hits: number;
  remove(): void;
  /** Resolves when it has struck. */
  struck(): Promise<void>;
}

interface Rule {
  method: string | RegExp;
  fault: CallFault;
  left: number;
  hits: number;
  struck: PromiseWithResolvers<void>;
}

export const LOST: { code: number; details: string } = { code: status.UNAVAILABLE, details: 'the connection was lost' };

export class CallFaults {
  #rules: Rule[] = [];

  order(method: string | RegExp, fault: CallFault, times: number = Number.POSITIVE_INFINITY): OrderedFault {
    const rule: Rule = { method, fault, left: times, hits: 0, struck: Promise.withResolvers<void>() };
    this.#rules.push(rule);
    return {
      get hits() {
        return rule.hits;
      },
      remove: () => {
        this.#rules = this.#rules.filter((one) => one !== rule);
      },
      struck: () => rule.struck.promise,
    };
  }

  once(method: string | RegExp, fault: CallFault): OrderedFault {
    return this.order(method, fault, 1);
  }

  clear(): void {
    this.#rules = [];
  }

  strike(method: string): CallFault | undefined {
    const rule = this.#rules.find(
      (one) => one.left > 0 && (typeof one.method === 'string' ? one.method === method : one.method.test(method)),
    );
    if (!rule) return undefined;
    rule.left -= 1;
    rule.hits += 1;
    rule.struck.resolve();
    return rule.fault;
  }
}
