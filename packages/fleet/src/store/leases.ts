/** The store's part on exclusive rights to targets. */
import type { Clock, Store } from '@longshore/core';
import type { Base } from './base.ts';

type Refused = [0, heldBy: string, target: string, scope: string, freeAt: string];
type Granted = [1, operation: string, target: string, scope: string, token: string, ...tokens: string[]];

export const leaseField = (operation: string, target: string, scope: string): string => JSON.stringify([operation, target, scope]);

/** In the hash of what was ever given of a target. */
export const givenField = (operation: string, scope: string): string => JSON.stringify([scope, operation]);

/** How the fields of an operation's leases begin: all of them, or those on one target. */
export const leasePrefix = (operation: string, ...target: [string?]): string => `${JSON.stringify([operation, ...target]).slice(0, -1)},`;

export function leaseCalls({ key, op, call }: Base, clock: Clock): Pick<Store, 'acquireLeases' | 'releaseLeases'> {
  return {
    async acquireLeases(id, wanted, now) {
      if (wanted.length === 0) return { tokens: [] };
      const targets = [...new Set(wanted.map(({ target }) => target))];
      const keys = [key('leases'), key('token'), op(id, 'given'), ...targets.map((target) => key('given', target))];
      const args = wanted.flatMap(({ target, scope }) => [
        leaseField(id, target, scope),
        target,
        scope,
        4 + targets.indexOf(target),
        givenField(id, scope),
      ]);
      const reply = (await call('acquire', keys, [id, now, ...args])) as Refused | Granted;
      if (reply[0] === 0) {
        const [, heldBy, target, scope, freeAt] = reply;
        return freeAt === '' ? { heldBy, target, scope } : { heldBy, target, scope, freeAt: Number(freeAt) };
      }
      const [, operation, target, scope, token, ...given] = reply;
      const tokens = given.map(Number);
      return token === '' ? { tokens } : { tokens, last: { operation, target, scope, token: Number(token) } };
    },
    async releaseLeases(id, quietUntil) {
      await call('release', [key('leases')], [leasePrefix(id), clock.now(), quietUntil ?? '']);
    },
  };
}
