/** The steps of one partition: from anything that can be mended to the goal, and never through a state that is worse than both. */
import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import type { Held, Placement, Replica } from '../src/model.ts';
import { applied, nextStep, stepsTo } from '../src/plan/next-step.ts';
import { truthOf } from '../src/plan/truth.ts';
import type { PartitionView } from '../src/plan/view.ts';

const ENDPOINTS = ['a', 'b', 'c', 'd', 'e'];
const held = (mode: 'kTableLeader' | 'kTableFollower', offset = 10n): Held => ({ mode, state: 'kTableNormal', offset });

const arbitraryPlacement = fc
  .shuffledSubarray(ENDPOINTS, { minLength: 1, maxLength: 4 })
  .map((replicas): Placement => ({ replicas, leader: replicas[0]! }));

function viewOf({ replicas, leader }: Placement, change: Partial<PartitionView> = {}): PartitionView {
  return {
    db: 'db',
    table: 't',
    tid: 1,
    partition: {
      pid: 0,
      replicas: replicas.map((endpoint) => ({ endpoint, leader: endpoint === leader, alive: true, offset: 10n })),
      terms: [],
    },
    healthy: new Set(ENDPOINTS),
    held: new Map(replicas.map((endpoint) => [endpoint, held(endpoint === leader ? 'kTableLeader' : 'kTableFollower')])),
    ...change,
  };
}

const living = ({ partition }: PartitionView): Replica[] => partition.replicas.filter(({ alive }) => alive);

describe('steps', () => {
  test.prop([arbitraryPlacement, arbitraryPlacement])('lead from any placement to any other', (from, goal) => {
    let view = viewOf(from);
    const { steps, end } = stepsTo(view, goal, { mayPromote: false });
    expect(end).toEqual({ done: true, degraded: [] });
    const least = Math.min(from.replicas.length, goal.replicas.length);
    for (const step of steps) {
      view = applied(view, step);
      expect(view.partition.replicas.length).toBeGreaterThanOrEqual(least);
      // One leads, and is alive; a leader that was taken over from waits to be recovered.
      expect(living(view).filter(({ leader }) => leader)).toHaveLength(1);
      expect(living(view).length).toBeGreaterThanOrEqual(Math.max(1, least - 1));
      expect(new Set(view.partition.replicas.map(({ endpoint }) => endpoint)).size).toBe(view.partition.replicas.length);
    }
    expect(view.partition.replicas.map(({ endpoint }) => endpoint).sort()).toEqual([...goal.replicas].sort());
    expect(view.partition.replicas.find(({ leader }) => leader)?.endpoint).toBe(goal.leader);
  });

  test.prop([arbitraryPlacement, fc.array(fc.constantFrom(...ENDPOINTS)), fc.array(fc.constantFrom(...ENDPOINTS))])(
    'mend whatever restarted or is flagged as dead',
    (placement, restarted, dead) => {
      const view = viewOf(placement);
      for (const endpoint of restarted) if (view.held.has(endpoint)) (view.held as Map<string, Held>).set(endpoint, 'absent');
      for (const replica of view.partition.replicas) if (dead.includes(replica.endpoint)) replica.alive = false;
      const { steps, end } = stepsTo(view, { replicas: placement.replicas, leader: null }, { mayPromote: true });
      expect(end).toEqual({ done: true, degraded: [] });
      let seen = view;
      for (const step of steps) {
        // A replica with data in it is never loaded over, and the last living one is never given up for a dead one.
        if (step.do === 'load') expect(seen.held.get(step.endpoint)).toBe('absent');
        seen = applied(seen, step);
      }
      expect(living(seen)).toHaveLength(placement.replicas.length);
    },
  );

  test('take the fewest ops: a follower migrates, a lone leader is added, followed, removed', () => {
    const names = (from: Placement, goal: Placement): string[] =>
      stepsTo(viewOf(from), goal, { mayPromote: false }).steps.map((step) => step.do);
    expect(names({ replicas: ['a', 'b'], leader: 'a' }, { replicas: ['a', 'c'], leader: 'a' })).toEqual(['migrate']);
    expect(names({ replicas: ['a'], leader: 'a' }, { replicas: ['b'], leader: 'b' })).toEqual([
      'add-replica',
      'change-leader',
      'recover',
      'del-replica',
    ]);
    expect(names({ replicas: ['a', 'b'], leader: 'a' }, { replicas: ['b', 'c'], leader: 'b' })).toEqual([
      'change-leader',
      'recover',
      'migrate',
    ]);
  });
});

describe('a change of leader', () => {
  const goal = { replicas: ['a', 'b'], leader: 'b' };
  const behind = (leaderAt: bigint, followerAt: bigint): PartitionView => ({
    ...viewOf({ replicas: ['a', 'b'], leader: 'a' }),
    held: new Map([
      ['a', held('kTableLeader', leaderAt)],
      ['b', held('kTableFollower', followerAt)],
    ]),
  });

  test('waits until the follower has what the leader has', () => {
    const at = 9_007_199_254_740_993n;
    const wait = { wait: 'b is 1 entries behind its leader a', leaderAt: at };
    expect(nextStep(behind(at, at - 1n), goal, { mayPromote: false })).toEqual(wait);
    expect(nextStep(behind(at, at), goal, { mayPromote: false })).toEqual({ step: { do: 'change-leader', to: 'b' } });
    expect(nextStep(behind(at, at - 1n), { replicas: ['b'], leader: 'b' }, { mayPromote: false })).toEqual(wait);
  });

  test('goes on where the follower has what was enough, and no sooner', () => {
    expect(nextStep(behind(200n, 150n), goal, { mayPromote: false, enough: 151n })).toHaveProperty('wait');
    expect(nextStep(behind(200n, 150n), goal, { mayPromote: false, enough: 150n })).toHaveProperty('step');
  });
});

test('a leader that was left without snapshots gets them again, whatever else is to be done', () => {
  const view = viewOf({ replicas: ['a', 'b'], leader: 'a' });
  (view.held as Map<string, Held>).set('a', { mode: 'kTableLeader', state: 'kSnapshotPaused', offset: 10n });
  const { steps, end } = stepsTo(view, { replicas: ['a', 'b'], leader: null }, { mayPromote: true });
  expect([steps, end]).toEqual([[{ do: 'resume-snapshots', endpoint: 'a' }], { done: true, degraded: [] }]);
});

describe('the truth', () => {
  const replica = (endpoint: string, leader: boolean, alive: boolean, offset = 10n): Replica => ({ endpoint, leader, alive, offset });
  const seen = (replicas: Replica[], terms: [bigint, bigint][] = [], away: string[] = []): PartitionView => ({
    ...viewOf({ replicas: [], leader: null }),
    partition: { pid: 0, replicas, terms: terms.map(([term, offset]) => ({ term, offset })) },
    healthy: new Set(ENDPOINTS.filter((endpoint) => !away.includes(endpoint))),
    held: new Map(replicas.map(({ endpoint, leader, offset }) => [endpoint, held(leader ? 'kTableLeader' : 'kTableFollower', offset)])),
  });

  test('a living leader, wherever in the list a stale one stands', () => {
    expect(truthOf(seen([replica('b', true, true, 120n), replica('a', true, false, 130n)]))).toEqual({ head: 'b' });
    expect(truthOf(seen([replica('a', true, false, 130n), replica('b', true, true, 120n)]))).toEqual({ head: 'b' });
  });

  test('of two dead leaders the one that lived in the newest reign', () => {
    const both = [replica('a', true, false, 100n), replica('b', true, false, 120n)];
    expect(truthOf(seen(both, [[3n, 101n]]))).toEqual({ head: 'b' });
    expect(truthOf(seen([...both].reverse(), [[3n, 101n]]))).toEqual({ head: 'b' });
  });

  test('nobody, where both went on writing or both are equally far', () => {
    expect(truthOf(seen([replica('a', true, false, 140n), replica('b', true, false, 120n)], [[3n, 101n]]))).toHaveProperty('none');
    expect(truthOf(seen([replica('a', true, false, 100n), replica('b', true, false, 100n)]))).toHaveProperty('none');
  });

  test('either of two dead leaders that are equally far, where neither came to the newest reign: they have the same', () => {
    const both = [replica('a', true, false, 100n), replica('b', true, false, 100n)];
    expect(truthOf(seen(both, [[3n, 101n]]))).toHaveProperty('head');
  });

  test('no leader that came back empty, where others had entries', () => {
    const emptied = seen([replica('a', true, false, 0n), replica('b', false, false, 40n)]);
    expect(truthOf(emptied)).toEqual({ none: 'its leader a came back with nothing in it, and b had 40 entries' });
    expect(truthOf(seen([replica('a', true, false, 0n), replica('b', false, false, 0n)]))).toEqual({ head: 'a' });
  });

  test('the follower with the most, where the leader is away; nobody, where none serves', () => {
    const three = [replica('a', true, true, 50n), replica('b', false, true, 40n), replica('c', false, true, 45n)];
    expect(truthOf(seen(three, [], ['a']))).toEqual({ promote: 'c', lost: 'a' });
    expect(truthOf(seen([three[0]!], [], ['a']))).toHaveProperty('none');
  });

  test('no follower takes over unless that was asked for', () => {
    const view = seen([replica('a', true, true), replica('b', false, true)], [], ['a']);
    const goal = { replicas: ['a', 'b'], leader: null };
    expect(nextStep(view, goal, { mayPromote: false })).toHaveProperty('stuck');
    expect(nextStep(view, goal, { mayPromote: true })).toEqual({ step: { do: 'change-leader', to: 'b' } });
  });
});
