import type { Report } from '@longshore/core';
import { expect, test } from 'vitest';
import { viewOf } from '../src/report/kinds.ts';
import { planText } from '../src/report/plan.ts';
import { reportText } from '../src/report/text.ts';
import { plainStyle } from '../src/text.ts';

const report: Report = {
  operation: 'op_ab12cd34',
  kind: 'tsdb.migrate',
  state: 'failed',
  columns: ['dumped', 'verified', 'missing'],
  rows: [
    { row: 'kilda.a', values: { dumped: 1_234_567, verified: 1_234_567 } },
    { row: 'kilda.long.name', values: { dumped: 100, verified: 98, missing: 2 } },
    { row: 'kilda.z', values: { dumped: 1 } },
  ],
  totals: { dumped: 1_234_668, verified: 1_234_665, missing: 2 },
  counters: {},
  notes: [{ level: 'warning', row: 'kilda.long.name', text: 'two points did not arrive' }],
  notesDropped: 4,
  error: {
    code: 'LSH_X',
    message: 'op_ab12cd34 ended with 2 points missing',
    fix: 'Submit it again with --existing fill.',
    retryable: false,
    exitCode: 3,
  },
};

test('a report is a table with its totals, its notes and a verdict', () => {
  expect(reportText(report, { style: plainStyle, maxRows: 10 })).toBe(
    `
metric              dumped   verified  missing
kilda.a          1,234,567  1,234,567        0
kilda.long.name        100         98        2
kilda.z                  1          0        0
total            1,234,668  1,234,665        2

warning: kilda.long.name: two points did not arrive
… and 4 more notes.

op_ab12cd34 failed: op_ab12cd34 ended with 2 points missing. Submit it again with --existing fill.
`.slice(1),
  );
});

test('of many rows those with something wrong are shown', () => {
  const text = reportText(report, { style: plainStyle, maxRows: 1 });
  expect(text).toContain('kilda.long.name');
  expect(text).not.toContain('kilda.z');
  expect(text).toContain('… and 2 more metrics: `longshore report op_ab12cd34 --all`');
});

test('a good end says so, an empty one too', () => {
  const { error: _none, ...good } = { ...report, state: 'succeeded' as const, rows: [], notes: [], notesDropped: 0 };
  const text = reportText(good, { style: plainStyle, maxRows: 10 });
  expect(text).toContain('Nothing was counted.');
  expect(text).toContain('succeeded');
});

test('a plan says what would be done, and what stands in the way', () => {
  const text = planText(
    {
      summary: ['2 metrics from old to new'],
      findings: [
        { level: 'warning', text: 'the window reaches beyond now' },
        {
          level: 'error',
          text: 'the sink holds points already',
          error: { code: 'LSH_X', message: 'the sink holds points already', fix: 'Use another sink.', retryable: false, exitCode: 4 },
        },
      ],
      stages: [
        { name: 'prove', title: 'prove the sink', concurrency: 1, tasks: [] },
        { name: 'move', title: 'move it', concurrency: 32, bulk: { count: 96, params: {} } },
        { name: 'cleanup', title: 'put the folders away', concurrency: 1, always: true },
      ],
      fingerprint: null,
      leases: [{ target: 'new', scope: 'kilda.' }],
      expect: { batches: 96, metrics: 1 },
      data: null,
      hash: 'abc',
      madeAt: 0,
    },
    plainStyle,
  );
  expect(text).toBe(
    `
Plan
  2 metrics from old to new
  warning: the window reaches beyond now
  error: the sink holds points already
    Use another sink.
Steps
  1. prove the sink
  2. move it (96, up to 32 at once)
  3. put the folders away [also after a failure]
Expects 96 batches, 1 metric
Takes for itself while it runs new (kilda.…)
plan abc, made 1970-01-01 00:00:00 UTC
`.slice(1),
  );
});

test('a kind adds its own tables between the summary of a plan and its steps', () => {
  const plan = {
    summary: ['move one'],
    findings: [],
    stages: [{ name: 'a', title: 'do it', concurrency: 1, tasks: [] }],
    fingerprint: null,
    leases: [],
    expect: {},
    data: { nodes: ['n1', 'n2'] },
    hash: 'h',
    madeAt: 0,
  };
  const text = planText(plan, plainStyle, {
    kinds: 'x.',
    planTables: ({ data }) => [
      {
        title: 'Nodes',
        heads: ['node', 'moves'],
        rows: (data as { nodes: string[] }).nodes.map((name, at) => [name, String(at)]),
        numbers: [1],
      },
      { title: 'Nothing', heads: ['a'], rows: [] },
    ],
  });
  expect(text).toContain('  move one\nNodes\n  node  moves\n  n1        0\n  n2        1\nSteps\n');
  expect(text).not.toContain('Nothing');
});

test('the view of a kind is found by the beginning of its name', () => {
  expect(viewOf('tsdb.migrate')?.rowName).toBe('metric');
  expect(viewOf('nobody.knows')).toBeUndefined();
});
