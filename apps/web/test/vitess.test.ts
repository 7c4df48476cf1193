/** Shards before and after, as the picture has them. */
import { expect, test } from 'vitest';
import { rangeOf, shardsView } from '../src/pictures/vitess-shards.ts';
import type { OperationHeader, Shown, StageState, StoredPlan } from '../src/wire.ts';

const header = (stages: Pick<StageState, 'name' | 'state'>[] = []): OperationHeader => ({
  id: 'op_a',
  kind: 'vitess.reshard',
  params: {},
  mode: 'run',
  owner: 'a',
  createdAt: 0,
  updatedAt: 0,
  state: 'running',
  version: 1,
  stage: 0,
  stages: stages.map((stage) => ({ cursor: 0, total: 0, done: 0, failed: 0, skipped: 0, ...stage })),
  counters: {},
  expect: {},
  spools: [],
});
const plan = (data: StoredPlan['data']): StoredPlan => ({
  summary: [],
  findings: [],
  stages: [],
  fingerprint: null,
  leases: [],
  expect: {},
  data,
  hash: 'h',
  madeAt: 0,
});
const NONE: Shown = { exhibits: {}, series: {} };
const DATA = { keyspace: 'ks', sourceKeyspace: 'ks', sourceShards: ['-'], targetShards: ['80-', '-80'], tables: ['a', 'b'] };

test.each([
  ['-', 0, 1],
  ['-80', 0, 0.5],
  ['80-', 0.5, 0.5],
  ['40-80', 0.25, 0.25],
  ['0', 0, 1],
])('%s begins at %d and is %d of the keys', (shard, from, share) => {
  expect(rangeOf(shard)).toEqual({ from, share });
});

test('before anything is seen, everything is at the source', () => {
  const view = shardsView(header(), plan(DATA), NONE);
  expect(view?.source.shards).toMatchObject([{ name: '-', serves: ['writes', 'reads'] }]);
  expect(view?.target.shards).toMatchObject([
    { name: '-80', serves: [] },
    { name: '80-', serves: [] },
  ]);
  expect(view?.tables).toMatchObject([
    { table: 'a', copied: 0, total: 0 },
    { table: 'b', copied: 0, total: 0 },
  ]);
});

test('what the tasks show is drawn: traffic, copy, comparison', () => {
  const exhibits = {
    traffic: { reads: 'target', writes: 'source', traffic: 'All Reads Switched. Writes Not Switched', lagSeconds: 2, throttled: true },
    copy: { tables: [{ table: 'a', copied: 30, total: 40 }] },
    diff: { tables: [{ shard: '-80', table: 'a', compared: 10, mismatched: 1, extraSource: 2, extraTarget: 0 }] },
  };
  const view = shardsView(header(), plan(DATA), { exhibits, series: {} });
  expect(view).toMatchObject({ traffic: 'All Reads Switched. Writes Not Switched', lagSeconds: 2, throttled: true });
  expect([view?.source.shards[0]?.serves, view?.target.shards[0]?.serves]).toEqual([['writes'], ['reads']]);
  expect(view?.tables[0]).toEqual({ table: 'a', copied: 30, total: 40, compared: 10, different: 3 });
});

test('the automation of old is drawn by the stages that are done', () => {
  const shards = [
    { keyspace: 'ks', shard: '0', side: 'source' },
    { keyspace: 'ks', shard: '-80', side: 'target' },
  ];
  const view = shardsView(
    header([
      { name: 'migrate-rdonly', state: 'done' },
      { name: 'migrate-replica', state: 'running' },
    ]),
    plan({ shards }),
    NONE,
  );
  expect([view?.source.shards[0]?.serves, view?.target.shards[0]?.serves]).toEqual([['writes', 'replica reads'], ['rdonly reads']]);
});

test('a plan of another version is no reason to break', () => {
  expect(shardsView(header(), plan({ keyspace: 7, sourceShards: 'x' }), NONE)).toBeUndefined();
});
