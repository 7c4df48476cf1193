/** What the picture of an OpenIO operation is read from. */
import { expect, test } from 'vitest';
import { barsOf, electionOf, movedOf } from '../src/pictures/openio-read.ts';

test('bars move with the moves that have ended well', () => {
  const bars = [
    { service: 'a', before: 3, target: 1, after: 1 },
    { service: 'b', before: 0, target: 2, after: 2 },
  ];
  const done = (result: 'ok' | 'failed') => ({
    id: 'move-1',
    task: 'openio.move',
    stage: 0,
    result,
    endedAt: 1,
    output: { before: ['a', 'c'], after: ['b', 'c'] },
  });
  expect(barsOf({ bars }, []).map(({ now }) => now)).toEqual([3, 0]);
  expect(barsOf({ bars }, movedOf([done('ok'), done('failed')])).map(({ service, now }) => [service, now])).toEqual([
    ['a', 2],
    ['b', 1],
  ]);
  expect(barsOf(null, [])).toEqual([]);
  expect(barsOf({ bars: [7] }, [])).toEqual([]);
});

test('members are named by what they do, strangers that take no part are left out', () => {
  const election = electionOf({
    name: 'acct/c1',
    hosts: ['b', 'c'],
    incoming: 'c',
    outgoing: 'a',
    members: [
      { id: 'a', state: 'NONE', peers: null, master: null },
      { id: 'b', state: 'MASTER', peers: ['c'], master: null },
      { id: 'c', state: 'SYNCING', peers: ['b'], master: 'b' },
      { id: 'd', state: 'none', peers: null, master: null },
    ],
    problems: ['c is SYNCING'],
  })!;
  expect(election.members.map(({ id, word, tone }) => [id, word, tone])).toEqual([
    ['a', 'has left, goes', 'idle'],
    ['b', 'master', 'ok'],
    ['c', 'takes the base, joins', 'busy'],
  ]);
  expect(electionOf(undefined)).toBeUndefined();
  expect(electionOf({ members: 'x' })).toBeUndefined();
});
