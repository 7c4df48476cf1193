/** What a program may mend by itself, and what it must not. */
import { describe, expect, test } from 'vitest';
import type { BaseProperties } from '../src/model.ts';
import { diagnose } from '../src/plan/diagnose.ts';
import type { Facts } from '../src/plan/facts.ts';
import { LOOSE } from '../src/plan/locations.ts';
import { manualVerdict } from '../src/plan/manual.ts';

const CID = 'A'.repeat(64);
const [A, B, C, D] = ['127.0.0.1:6020', '127.0.0.1:6021', '127.0.0.1:6022', '127.0.0.1:6023'] as const;
const HOSTS = [A, B, C];

const base = (admin: number, aliases: number, more: Record<string, string> = {}): BaseProperties => ({
  properties: {},
  system: {
    'sys.peers': HOSTS.join(','),
    'sys.m2.init': '1',
    'version:main.admin': `${admin}:0`,
    'version:main.aliases': `${aliases}:0`,
    ...more,
  },
});

const facts = (replicas: Record<string, BaseProperties>, silent: string[] = []): Facts => ({
  cid: CID,
  reference: { cid: CID, account: 'acct', name: 'c1', rows: [{ seq: 1, hosts: HOSTS, args: '' }] },
  services: new Map(
    [A, B, C, D].map((id) => [
      id,
      { id, location: `srv${id.slice(-1)}.vol1`, score: 50, up: true, slots: ['meta2'], volume: '/data', spacePercent: undefined },
    ]),
  ),
  members: new Map(),
  files: Object.keys(replicas),
  replicas: new Map(Object.entries(replicas)),
  again: undefined,
  unreadable: new Map(),
  silent: new Map(silent.map((id) => [id, 'connection refused'])),
});

describe('a diagnosis', () => {
  test.each([
    ['none of its hosts has a file', {}, [], 'restore the file from a backup'],
    ['the only file may be where nobody answers', {}, [A], 'start the hosts that do not answer'],
    ['only a stranger has a file', { [D]: base(5, 5) }, [], `${D} has one`],
  ])('makes no empty container of one that is lost: %s', (_, replicas, silent, mend) => {
    const troubles = diagnose(facts(replicas as Record<string, BaseProperties>, silent));
    expect(troubles.map(({ remedy }) => remedy.do)).toEqual(troubles.map(() => 'nothing'));
    expect(troubles.find(({ kind }) => kind === 'missing-file')?.mend).toContain(mend);
  });

  test('lets a person decide between replicas that each hold what the other does not', () => {
    const troubles = diagnose(facts({ [A]: base(7, 3), [B]: base(6, 4), [C]: base(7, 3, { 'sys.peers': [A, B, D].join(',') }) }));
    expect(troubles.map(({ kind, remedy }) => `${kind}: ${remedy.do}`)).toEqual(['peers-differ: nothing', 'versions-differ: nothing']);
  });

  test('has one that is only behind elected', () => {
    const [behind] = diagnose(facts({ [A]: base(7, 3), [B]: base(6, 3), [C]: base(7, 3) }));
    expect([behind?.kind, behind?.remedy.do]).toEqual(['versions-differ', 'elect']);
  });
});

test('a replica is not taken away by hand when it holds what no file that stays has', () => {
  const wish = { from: A, to: D, replicas: 3, constraint: LOOSE };
  const disk = (id: string, { system }: BaseProperties) => ({ id, check: 'ok', admin: system });
  const known = facts({ [A]: base(7, 3) });
  expect(manualVerdict(known, wish, [disk(A, base(7, 3)), disk(B, base(6, 3))], false).problems).toEqual([
    `the file of ${A} holds what no file that stays has: start ${A}, or move another replica`,
  ]);
  // With a majority that stays, what was acknowledged is in the newest of them.
  expect(manualVerdict(known, wish, [disk(A, base(7, 3)), disk(B, base(6, 3)), disk(C, base(6, 3))], false).problems).toEqual([]);
});
