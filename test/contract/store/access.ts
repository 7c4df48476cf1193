/** Tokens of the API, and the log of what was asked. */
import type { TokenRecord } from '@longshore/core';
import { describe, expect, test } from 'vitest';
import type { StoreBench } from './bench.ts';
import { T0 } from './bench.ts';

const token = (name: string, more: Partial<TokenRecord> = {}): TokenRecord => ({
  name,
  role: 'viewer',
  hash: 'ab'.repeat(32),
  createdAt: T0,
  createdBy: 'größe "x"',
  ...more,
});

export function accessContract(on: StoreBench): void {
  describe('tokens', () => {
    test('are known by name until they are revoked', async () => {
      expect(await on.store.tokens()).toEqual([]);
      expect(await on.store.addToken(token('ben', { expiresAt: T0 + 5 }))).toBe(true);
      expect(await on.other.addToken(token('ann', { role: 'admin' }))).toBe(true);
      expect(await on.store.tokens()).toEqual([token('ann', { role: 'admin' }), token('ben', { expiresAt: T0 + 5 })]);
      expect(await on.store.token('ann')).toEqual(token('ann', { role: 'admin' }));
      expect(await on.store.token('__proto__')).toBeUndefined();
      expect(await on.store.revokeToken('ann')).toBe(true);
      expect(await on.store.revokeToken('ann')).toBe(false);
      expect(await on.other.token('ann')).toBeUndefined();
      expect((await on.store.tokens()).map(({ name }) => name)).toEqual(['ben']);
    });

    test('a name is given once, whoever is faster, and the first one stays', async () => {
      const roles = ['viewer', 'operator', 'approver', 'admin'] as const;
      const made = await Promise.all(roles.map((role, at) => (at % 2 ? on.store : on.other).addToken(token('ann', { role }))));
      expect(made.filter(Boolean)).toHaveLength(1);
      expect((await on.store.token('ann'))?.role).toBe(roles[made.indexOf(true)]);
      await on.store.revokeToken('ann');
      expect(await on.store.addToken(token('ann', { role: 'operator' }))).toBe(true);
      expect((await on.store.token('ann'))?.role).toBe('operator');
    });
  });

  describe('the audit log', () => {
    test('gives every entry once, in its order, page after page', async () => {
      expect(await on.store.auditEntries(undefined, 10)).toEqual([]);
      for (let at = 0; at < 7; at += 1)
        await (at % 2 ? on.store : on.other).audit({ at: T0 + at, who: 'ann', what: `step.${at}`, reason: 'a\nb', result: 'done' });
      const seen: string[] = [];
      let after: string | undefined;
      for (;;) {
        const page = await on.other.auditEntries(after, 3);
        if (page.length === 0) break;
        seen.push(...page.map(({ what }) => what));
        after = page.at(-1)!.id;
      }
      expect(seen).toEqual(Array.from({ length: 7 }, (_, at) => `step.${at}`));
      const [first] = await on.store.auditEntries(undefined, 1);
      expect(first).toEqual({ id: expect.stringMatching(/^\d+-\d+$/), at: T0, who: 'ann', what: 'step.0', reason: 'a\nb', result: 'done' });
    });

    test('begins behind a time', async () => {
      await on.store.audit({ at: T0, who: 'longshore', what: 'guard', operation: 'op', result: 'done' });
      const [{ id } = { id: '' }] = await on.store.auditEntries(undefined, 1);
      const ms = Number(id.split('-')[0]);
      expect(await on.store.auditEntries(String(ms - 1), 5)).toHaveLength(1);
      expect(await on.store.auditEntries(String(ms + 1), 5)).toEqual([]);
    });

    test('does not go with the operation', async () => {
      await on.operation('op');
      await on.store.audit({ at: T0, who: 'ann', what: 'operation.cancel', operation: 'op', result: 'done' });
      await on.store.remove('op');
      expect(await on.store.auditEntries(undefined, 5)).toHaveLength(1);
    });
  });
}
