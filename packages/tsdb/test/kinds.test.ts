/** What the kinds take, and what the end of one comes to. */
import type { KindDefinition, OperationHeader } from '@longshore/core';
import { expect, test } from 'vitest';
import { tsdb } from '../src/index.ts';

const kindOf = (name: string): KindDefinition => tsdb.kinds.find((kind) => kind.name === name)!;

function ended(kind: string, params: OperationHeader['params'], stages: string[]): OperationHeader {
  return {
    id: 'op_x',
    kind,
    params,
    mode: 'run',
    owner: 'test',
    createdAt: 0,
    updatedAt: 0,
    state: 'running',
    version: 0,
    stage: stages.length,
    stages: stages.map((name) => ({ name, state: 'done', cursor: 1, total: 1, done: 1, failed: 0, skipped: 0 })),
    counters: {},
    expect: {},
    spools: ['local'],
  };
}

test.each([
  ['tsdb.restore', 'restore', ['prove', 'find', 'count']],
  ['tsdb.verify', 'compare', ['find']],
])('%s of a dump of which nothing is left is no success', (kind, stage, without) => {
  const params = kindOf(kind).params.parse({ from: 'op_dump', sink: 'vm' }) as OperationHeader['params'];
  const judge = (stages: string[]) => kindOf(kind).conclude({ header: ended(kind, params, stages), rows: {}, totals: {} });
  expect(judge(without)).toMatchObject({ ok: false, error: { code: 'LSH_TSDB_NO_DUMP' } });
  expect(judge([...without, stage])).toEqual({ ok: true });
});

test('an address with credentials is refused, since parameters are stored and shown', () => {
  const { params } = kindOf('tsdb.verify');
  const given = (sink: string) => params.safeParse({ from: 'op_dump', sink }).success;
  expect(given('http://somebody:secret@vm:8428')).toBe(false);
  expect(given('https://vm:8428/select/0/prometheus?x=a@b')).toBe(true);
  expect(given('vm-new')).toBe(true);
});

test('a dump is compared whole: what would choose from it is refused, not passed over', () => {
  const { params } = kindOf('tsdb.verify');
  const given = (more: object) => params.safeParse({ from: 'op_dump', sink: 'vm-new', ...more });
  expect(given({}).success).toBe(true);
  for (const more of [{ startMs: 0, stopMs: 1 }, { prefixes: ['a'] }, { match: ['a*'] }, { exclude: ['a'] }, { tags: { host: 'a' } }])
    expect(given(more).error?.issues[0]?.message, JSON.stringify(more)).toContain('a dump is compared whole');
});

test.each([
  ['windows that were read twice', { follow: { graceMs: 0, select: { prefixes: [], match: [], exclude: [] } } }, 'LSH_TSDB_NOT_RESTORED'],
  ['files of kilda-otsdb-dump', { folders: { prefix: 'x-', timeZone: 'UTC', kildaFrameS: 180 } }, 'LSH_TSDB_NOT_RESTORED'],
  ['batches', {}, undefined],
])('a restore of %s: whether its plan may be run', async (_what, kept, code) => {
  const dumped = {
    state: 'failed',
    live: false,
    spools: ['local'],
    planData: { startMs: 0, stopMs: 1, intervalMs: 1, metrics: ['m'], ...kept },
  };
  const restore = kindOf('tsdb.restore');
  const params = restore.params.parse({ from: 'op_dump', sink: 'file:///out' });
  const context = { params, operationOf: async () => dumped, liveSpools: async () => ['local'] };
  const { findings } = await restore.plan(context as unknown as Parameters<typeof restore.plan>[0]);
  expect(findings?.find(({ level }) => level === 'error')?.error?.code).toBe(code);
});
