import { expect, test } from 'vitest';
import { askedFor } from '../src/asked.ts';
import { bytes, duration, short, times } from '../src/format.ts';
import { actionsOf, mayAct, ROLES } from '../src/may.ts';
import { csvOf } from '../src/operation/csv.ts';
import { queuesOf } from '../src/queues.ts';
import { exampleOf, fieldsOf, paramsOf } from '../src/submit/schema.ts';
import { parseDuration } from '../src/submit/values.ts';
import type { OperationHeader, OperationState } from '../src/wire.ts';

const header = (state: OperationState, change: Partial<OperationHeader> = {}): OperationHeader => ({
  id: 'op_a',
  kind: 'counter.move',
  params: {},
  mode: 'run',
  owner: 'a',
  createdAt: 0,
  updatedAt: 0,
  state,
  version: 1,
  stage: 0,
  stages: [],
  counters: {},
  expect: {},
  spools: [],
  ...change,
});

test('any schema gives a form: nested objects, choices, maps, numbers, what may be null, and JSON for the rest', () => {
  const schema = {
    type: 'object',
    properties: {
      cluster: { type: 'string', target: 'pegasus' },
      nodes: { type: 'array', items: { type: 'string', target: 'openio' } },
      note: { anyOf: [{ type: 'string' }, { type: 'null' }] },
      policy: { anyOf: [{ const: 'first' }, { const: 'all' }], default: 'first' },
      shards: { type: 'array', items: { type: 'integer' } },
      weights: { type: 'object', additionalProperties: { type: 'number' } },
      limits: {
        type: 'object',
        properties: { retries: { type: 'integer' }, deep: { type: 'object', properties: { x: { type: 'integer' } }, required: ['x'] } },
        required: ['retries', 'deep'],
      },
      step: {
        oneOf: [
          { type: 'object', properties: { type: { const: 'wait' }, ms: { type: 'integer', minimum: 5 } }, required: ['type', 'ms'] },
          { type: 'object' },
        ],
      },
      version: { const: 2 },
    },
    required: ['cluster', 'shards', 'limits', 'version'],
  };
  const fields = fieldsOf(schema);
  expect(fields.map(({ name, shape, required }) => `${name}:${shape}${required ? '*' : ''}`)).toEqual([
    'cluster:text*',
    'limits.retries:number*',
    'limits.deep.x:number*',
    'shards:numbers*',
    'nodes:list',
    'note:text',
    'policy:choice',
    'weights:map',
    'step:json',
    'version:choice',
  ]);
  expect(fields.map(({ target }) => target).filter(Boolean)).toEqual(['pegasus', 'openio']);
  expect(fields.find(({ name }) => name === 'step')?.example).toBe('{"type":"wait","ms":5}');
  const typed = {
    cluster: 'c',
    shards: '1, 2\n3',
    'limits.retries': '4',
    'limits.deep.x': '5',
    policy: 'all',
    weights: 'a = 1\nb=2.5',
    step: '{"type":"wait","ms":9}',
  };
  expect(paramsOf(fields, typed).params).toEqual({
    cluster: 'c',
    shards: [1, 2, 3],
    limits: { retries: 4, deep: { x: 5 } },
    policy: 'all',
    weights: { a: 1, b: 2.5 },
    step: { type: 'wait', ms: 9 },
    version: 2,
  });
  expect(paramsOf(fields, { ...typed, shards: '1, two', weights: 'a' }).problems).toEqual({
    shards: 'is not a list of numbers',
    weights: expect.stringContaining('name = value'),
  });
  const whole = fieldsOf({ oneOf: [schema, { type: 'object' }] });
  expect(whole.map(({ name, shape }) => [name, shape])).toEqual([['', 'json']]);
  expect(JSON.parse(exampleOf(schema))).toEqual({ cluster: '…', shards: [0], limits: { retries: 0, deep: { x: 0 } }, version: 2 });
  expect(paramsOf(whole, { '': '{"a":1}' }).params).toEqual({ a: 1 });
  expect(paramsOf(whole, { '': '[1]' }).problems).toEqual({ '': 'is not a JSON object' });
});

test('the fields of a form come from the schema, what is needed first, and give the params back', () => {
  const fields = fieldsOf({
    properties: {
      pauseMs: { type: 'integer', default: 60_000 },
      verify: { type: 'boolean', default: true },
      startMs: { type: 'integer' },
      counters: { type: 'array', items: { type: 'string' } },
      policy: { enum: ['refuse', 'fill'], default: 'refuse' },
      source: { type: 'string' },
      deep: { type: 'object' },
    },
    required: ['source', 'startMs', 'counters', 'pauseMs'],
  });
  expect(fields.map(({ name, shape }) => `${name}:${shape}`)).toEqual([
    'source:text',
    'startMs:time',
    'counters:list',
    'pauseMs:duration',
    'verify:yes-no',
    'policy:choice',
    'deep:json',
  ]);
  const typed = { source: ' old ', startMs: '2026-03-01T00:00', counters: 'a\nb, c', pauseMs: '30 s', verify: 'false', policy: 'refuse' };
  expect(paramsOf(fields, typed)).toEqual({
    params: { source: 'old', startMs: Date.UTC(2026, 2, 1), counters: ['a', 'b', 'c'], pauseMs: 30_000, verify: false },
  });
  expect(paramsOf(fields, { ...typed, source: '', pauseMs: 'soon', deep: '{' }).problems).toEqual({
    source: 'is needed',
    pauseMs: expect.stringContaining('length of time'),
    deep: 'is not JSON',
  });
});

test('lengths of time are read as people write them', () => {
  expect(['1500', '2 s', '1.5h', '3 min', '3m', '1 d', 'x', ''].map(parseDuration)).toEqual([
    1_500,
    2_000,
    5_400_000,
    180_000,
    180_000,
    86_400_000,
    undefined,
    undefined,
  ]);
});

test('numbers and times for people', () => {
  expect([short(0.42), short(950), short(12_345), short(1_170_000), short(412_000)]).toEqual(['0.4', '950', '12.3 k', '1.17 M', '412 k']);
  expect([bytes(512), bytes(5_284_823)]).toEqual(['512 B', '5.04 MiB']);
  expect([duration(41_000), duration(245_000), duration(7_500_000), duration(273_600_000)]).toEqual([
    '41 s',
    '4 min 5 s',
    '2 h 5 min',
    '3 d 4 h',
  ]);
  const at = Date.UTC(2026, 2, 1, 12, 0, 5);
  expect(times(at, at).utc).toBe('12:00:05');
  expect(times(at, at + 3 * 86_400_000).utc).toBe('2026-03-01 12:00:05');
});

test('only what the state allows is offered, and every question says what will happen', () => {
  const open = [
    {
      key: 'g',
      what: 'w',
      target: 't',
      before: null,
      after: null,
      openedAt: 0,
      maxMs: 1,
      close: { task: 'c', params: {} },
      state: 'open' as const,
    },
  ];
  expect(actionsOf(header('running'), [])).toEqual(['pause', 'drain', 'cancel']);
  expect(actionsOf(header('running', { ending: 'failed' }), [])).toEqual([]);
  expect(actionsOf(header('running', { intent: 'pause' }), [])).toEqual(['resume', 'cancel']);
  expect(actionsOf(header('planned', { mode: 'plan' }), [])).toEqual(['start', 'replan', 'discard']);
  expect(actionsOf(header('planned', { mode: 'run' }), [])).toEqual(['pause', 'discard']);
  expect(actionsOf(header('submitted'), [])).toEqual(['pause', 'cancel']);
  expect(actionsOf(header('awaiting-approval', { intent: 'pause' }), [])).toEqual(['approve', 'resume', 'cancel']);
  expect(actionsOf(header('needs-attention'), open)).toEqual(['retry', 'take-over', 'cancel']);
  expect(actionsOf(header('discarded'), [])).toEqual([]);
  expect(actionsOf(header('failed'), [])).toEqual([]);
  expect(actionsOf(header('failed', { startedAt: 1 }), [])).toEqual(['retry', 'revert']);
  const revert = { by: 'anna', at: 1, from: 'succeeded' as const };
  expect(actionsOf(header('reverting', { revert }), [])).toEqual(['retry', 'pause', 'cancel']);
  expect(actionsOf(header('reverting', { revert: { ...revert, stopped: { by: 'ben', at: 2 } } }), [])).toEqual([]);
  expect(actionsOf(header('paused', { revert, intent: 'pause' }), [])).toEqual(['resume', 'cancel']);
  expect(actionsOf(header('failed', { revert, startedAt: 1 }), [])).toEqual(['revert']);
  const states: OperationState[] = [
    'submitted',
    'planned',
    'awaiting-approval',
    'running',
    'paused',
    'failed',
    'succeeded',
    'needs-attention',
  ];
  for (const state of states)
    for (const action of actionsOf(header(state, { mode: 'plan', startedAt: 1 }), open)) {
      const asked = askedFor(action, { ...header(state), guarded: true });
      expect(asked.words.join(' ').length, action).toBeGreaterThan(20);
    }
});

test('each role may what those before it may', () => {
  const may = (action: Parameters<typeof mayAct>[1]): string => ROLES.filter((role) => mayAct(role, action)).join(' ');
  expect(may('pause')).toBe('operator approver admin');
  expect(may('approve')).toBe('approver admin');
  expect(may('take-over')).toBe('admin');
});

test('a report as a spreadsheet reads it, and runs nothing', () => {
  const rows = [{ row: '=cmd|"x"', values: { moved: 2 } }];
  const report = {
    operation: 'op_a',
    kind: 'k',
    state: 'succeeded' as const,
    columns: ['moved', 'lost'],
    rows,
    totals: { moved: 2 },
    counters: {},
    notes: [],
    notesDropped: 0,
  };
  expect(csvOf(report)).toBe('row,moved,lost\r\n"\'=cmd|""x""",2,0\r\n(all),2,0\r\n');
});

test('depths of queues are taken from the metrics', () => {
  const text =
    'longshore_queue_jobs{queue="dumper",state="waiting"} 3\nlongshore_queue_jobs{queue="dumper",state="active"} 1\nother{queue="x"} 9\n';
  expect(queuesOf(text)).toEqual([{ queue: 'dumper', waiting: 3, active: 1, delayed: 0 }]);
});
