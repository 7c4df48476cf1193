/** What a person reads at three in the morning, word by word, for each state. */
import type { GuardRecord, OperationHeader, StoredPlan } from '@longshore/core';
import { describe, expect, test } from 'vitest';
import type { TaskView } from '../src/index.ts';
import { duration, explain } from '../src/index.ts';

const NOW = Date.UTC(2026, 0, 1, 3, 0, 0);
const MINUTE = 60_000;

function header(more: Partial<OperationHeader> = {}): OperationHeader {
  return {
    id: 'op_ab12cd34',
    kind: 'tsdb.migrate',
    params: {},
    mode: 'run',
    owner: 'anna',
    createdAt: NOW - 130 * MINUTE,
    updatedAt: NOW,
    startedAt: NOW - 125 * MINUTE,
    state: 'running',
    version: 7,
    stage: 1,
    stages: [
      { name: 'prove', state: 'done', cursor: 1, total: 1, done: 1, failed: 0, skipped: 0 },
      { name: 'move', state: 'running', cursor: 60, total: 1_440, done: 52, failed: 0, skipped: 0 },
    ],
    counters: {},
    expect: {},
    spools: [],
    ...more,
  };
}

const plan: StoredPlan = {
  summary: ['Copy 3 metrics of 2026-01-01 from otsdb to vm.'],
  findings: [],
  stages: [
    { name: 'prove', title: 'prove the sink', concurrency: 1 },
    { name: 'move', title: 'dump and restore, window by window', concurrency: 4 },
  ],
  fingerprint: null,
  leases: [],
  expect: {},
  data: null,
  hash: 'h',
  madeAt: NOW,
};

const text = (
  more: Partial<OperationHeader>,
  tasks: TaskView[] = [],
  totals: Record<string, number> = {},
  guards: GuardRecord[] = [],
): string => explain({ header: header(more), tasks, guards, plan, totals, now: NOW });

const error = { code: 'LSH_X', message: 'the sink vm answers 503', fix: 'Start it again.', retryable: true, exitCode: 5 as const };

const before: Partial<OperationHeader> = { stages: [], stage: 0 };
function early(more: Partial<OperationHeader>): string {
  const found = header({ ...before, ...more });
  delete found.startedAt;
  return explain({ header: found, tasks: [], guards: [], plan: undefined, totals: {}, now: NOW });
}

describe('explain', () => {
  test('submitted', () => {
    expect(early({ state: 'submitted', reason: 'ticket 17' })).toBe(
      `op_ab12cd34 is a tsdb.migrate, submitted 2 h 10 min ago by anna (“ticket 17”).

It is being planned: the targets are read, nothing is changed.

Nothing is unsafe right now: no target is left in a state that must not stay.

Next: \`longshore watch op_ab12cd34\` shows it going on.
`,
    );
  });

  test('planned, to be started by a person or by itself', () => {
    expect(early({ state: 'planned', mode: 'plan' })).toBe(
      `op_ab12cd34 is a tsdb.migrate, submitted 2 h 10 min ago by anna.

It is planned and waits to be started. Nothing has been changed.

Nothing is unsafe right now: no target is left in a state that must not stay.

Next: \`longshore start op_ab12cd34\` runs it, \`longshore cancel op_ab12cd34\` throws the plan away.
`,
    );
    expect(early({ state: 'planned' })).toContain('\nIt is planned and about to start.\n');
  });

  test('running: who does what, what waits for what and since when', () => {
    const tasks: TaskView[] = [
      { id: 'dump-60', task: 'tsdb.dump', state: 'running', worker: 'w1', since: NOW - 5_000, failures: 0 },
      { id: 'dump-61', task: 'tsdb.dump', state: 'running', worker: 'w2', since: NOW - 5_000, failures: 0 },
      {
        id: 'restore-52',
        task: 'tsdb.restore',
        state: 'gated',
        gate: { gate: 'sink', reason: 'vm answers slowly', since: NOW - 90_000 },
        failures: 0,
      },
      {
        id: 'restore-53',
        task: 'tsdb.restore',
        state: 'gated',
        gate: { gate: 'sink', reason: 'vm answers slowly', since: NOW - 30_000 },
        failures: 0,
      },
      { id: 'dump-59', task: 'tsdb.dump', state: 'queued', failures: 2, lastError: 'otsdb answered 500', notBefore: NOW + 12_000 },
    ];
    expect(text({ counters: { retries: 2 } }, tasks, { planned: 5_000_000, dumped: 181_440, missing: 0 })).toBe(
      `op_ab12cd34 is a tsdb.migrate, submitted 2 h 10 min ago by anna.
  Copy 3 metrics of 2026-01-01 from otsdb to vm.

It has been running for 2 h 5 min.
Stage 2 of 2 (dump and restore, window by window): 52 of 1,440 done.
2 tasks running on 2 workers.
2 tasks have waited for 1 min 30 s at the gate sink: vm answers slowly.
dump-59 is tried again in 12 s; the last time: otsdb answered 500.
So far: 5,000,000 planned, 181,440 dumped.
Tasks were tried again 2 times; \`longshore show op_ab12cd34 --events\` tells why.

Nothing is unsafe right now: no target is left in a state that must not stay.

Next: \`longshore watch op_ab12cd34\` shows it going on.
`,
    );
  });

  test('running, and nobody does anything', () => {
    expect(text({})).toContain('\nNo worker has anything of it in hand. `longshore workers` lists the processes that are alive.\n');
  });

  test('only some of many retries are named', () => {
    const tasks = Array.from(
      { length: 8 },
      (_, at): TaskView => ({ id: `d${at}`, task: 't', state: 'queued', failures: 1, lastError: 'x', notBefore: NOW + 1_000 }),
    );
    const lines = text({}, tasks).split('\n');
    expect(lines.filter((line) => line.includes('is tried again'))).toHaveLength(5);
    expect(lines).toContain('3 more tasks are to be tried again.');
  });

  test.each([
    [{ intent: 'pause', intentBy: 'ben' }, 'It is being paused, as ben asked: what runs is let finish, nothing new starts.'],
    [
      { intent: 'drain', intentBy: 'ben' },
      'It is being drained, as ben asked: nothing new is begun, what is ready is finished, then it ends.',
    ],
    [{ intent: 'cancel', intentBy: 'ben' }, 'It is being cancelled, as ben asked: running steps stop, then its things are put away.'],
    [{ ending: 'cancelled' }, 'It is being cancelled: running steps stop, then its things are put away.'],
    [
      { ending: 'failed', intent: 'cancel' },
      'It has failed: what still runs is stopped, and what is open is closed, before anything else.',
    ],
  ] as [Partial<OperationHeader>, string][])('running with %o', (more, line) => {
    expect(text(more).split('\n')).toContain(line);
  });

  test('paused', () => {
    expect(text({ state: 'paused', intent: 'pause', intentBy: 'ben' })).toBe(
      `op_ab12cd34 is a tsdb.migrate, submitted 2 h 10 min ago by anna.
  Copy 3 metrics of 2026-01-01 from otsdb to vm.

It is paused, as ben asked: nothing runs, nothing is lost.
Stage 2 of 2 (dump and restore, window by window): 52 of 1,440 done.

Nothing is unsafe right now: no target is left in a state that must not stay.

Next: \`longshore resume op_ab12cd34\` goes on, \`longshore cancel op_ab12cd34\` ends it.
`,
    );
  });

  test('paused before the next stage', () => {
    const [first, second] = header().stages;
    const stages = [first!, { ...second!, state: 'pending' as const, total: 0, done: 0 }];
    expect(text({ state: 'paused', intent: 'pause', stages })).toContain('Stage 2 of 2 (dump and restore, window by window): not begun.\n');
  });

  test('in need of a person', () => {
    const away = {
      ...error,
      code: 'LSH_SPOOL_AWAY',
      message: 'no worker has served the spool a for long',
      fix: 'Start its workers again.',
    };
    expect(text({ state: 'needs-attention', attention: { since: NOW - 4 * MINUTE, error: away } })).toBe(
      `op_ab12cd34 is a tsdb.migrate, submitted 2 h 10 min ago by anna.
  Copy 3 metrics of 2026-01-01 from otsdb to vm.

It needs you: it cannot go on by itself. What is wrong and what mends it stands below.
Stage 2 of 2 (dump and restore, window by window): 52 of 1,440 done.
No worker has anything of it in hand. \`longshore workers\` lists the processes that are alive.

It needs attention since 4 min: no worker has served the spool a for long.
Start its workers again.

Nothing is unsafe right now: no target is left in a state that must not stay.

Next: what is said above, or \`longshore cancel op_ab12cd34\`.
`,
    );
  });

  const denial: GuardRecord = {
    key: 'deny',
    what: 'writes to table `t` are denied',
    target: 'c1',
    before: '',
    after: 'reconfig*deny*write',
    openedAt: NOW - 20_000,
    maxMs: 60_000,
    close: { task: 'x', params: null },
    state: 'open',
  };

  test('inside a guard', () => {
    const inside = text({}, [], {}, [denial]);
    expect(inside).toContain('\nRight now:\n  writes to table `t` are denied, on c1, for 20 s, at most 40 s more.\n');
    expect(inside).not.toContain('Nothing is unsafe');
    expect(text({}, [], {}, [{ ...denial, openedAt: NOW - 2 * MINUTE }])).toContain('longer than it was allowed to: it is being ended');
    expect(text({}, [], {}, [{ ...denial, state: 'closed' }])).toContain('Nothing is unsafe right now');
    const handed = text({ state: 'succeeded', endedAt: NOW }, [], {}, [{ ...denial, state: 'handed-over', by: 'ben' }]);
    expect(handed).toContain('\nwrites to table `t` are denied, on c1: left to ben.\n');
  });

  test('waiting for approval', () => {
    const waits = text({ state: 'awaiting-approval', awaits: { stages: ['move'], since: NOW - 3 * MINUTE } });
    expect(waits).toContain('\nIt waits for approval: nothing runs, and nothing is left open meanwhile.\n');
    expect(waits).toContain('\nFor 3 min it has waited for a person to agree to:\n  move: dump and restore, window by window\n');
    expect(waits).toContain('Next: `longshore approve op_ab12cd34 --reason …` lets it go on');
  });

  test('being taken back, and taken back', () => {
    const revert = { by: 'ben', at: NOW, from: 'failed' as const };
    expect(text({ state: 'reverting', revert })).toContain('\nWhat it did is being taken back, newest first, as ben asked.\n');
    expect(text({ state: 'reverted', revert, endedAt: NOW })).toContain('\nWhat it did has been taken back.\n');
    const stuck = text({ state: 'needs-attention', revert, attention: { since: NOW, error } });
    expect(stuck).toContain('Next: what is said above; `longshore retry op_ab12cd34` tries again at once.');
  });

  test('over', () => {
    const ended = { endedAt: NOW - MINUTE, stage: 2 };
    expect(text({ state: 'succeeded', ...ended }, [], { verified: 9 })).toBe(
      `op_ab12cd34 is a tsdb.migrate, submitted 2 h 10 min ago by anna.
  Copy 3 metrics of 2026-01-01 from otsdb to vm.

It is done and verified after 2 h 4 min.
In all: 9 verified.

Next: \`longshore report op_ab12cd34\` tells what was done and what is missing.
`,
    );
    expect(text({ state: 'cancelled', ...ended })).toContain('\nIt was cancelled after 2 h 4 min.\n');
    expect(text({ state: 'failed', ...ended, error })).toContain(
      '\nIt failed after 2 h 4 min.\n\nThe sink vm answers 503.\nStart it again.\n',
    );
  });

  test('over before it began', () => {
    const ended = { endedAt: NOW };
    expect(text({ state: 'failed', ...ended, error })).toContain('`longshore retry op_ab12cd34` goes on where it failed');
    expect(early({ state: 'failed', ...ended, error })).toContain('\nIt did not start: nothing was changed.\n');
    expect(early({ state: 'failed', ...ended, error })).toContain('\nNext: put right what is said above, then submit it again.\n');
    expect(early({ state: 'cancelled', ...ended })).toContain('\nIt was cancelled before it started: nothing was changed.\n');
    expect(early({ state: 'discarded', ...ended })).toBe(
      `op_ab12cd34 is a tsdb.migrate, submitted 2 h 10 min ago by anna.

Its plan was thrown away: nothing was changed.

Next: nothing is left to do.
`,
    );
  });
});

test.each([
  [-5, '0 s'],
  [41_000, '41 s'],
  [59_600, '1 min'],
  [3_599_000, '59 min 59 s'],
  [3_600_000, '1 h'],
  [47.9 * 3_600_000, '47 h 54 min'],
  [50 * 3_600_000, '2 d 2 h'],
])('%d ms is %s', (ms, shown) => {
  expect(duration(ms)).toBe(shown);
});

test('what comes next is said, and whether somebody is asked first', () => {
  const stages = [
    { name: 'copy', title: 'copy the values', concurrency: 1 },
    { name: 'deny', title: 'deny writes', concurrency: 1, approval: 'deny writes to t', guard: { opens: ['deny'] } },
  ];
  const states = stages.map(({ name }, at) => ({
    name,
    state: at === 0 ? ('running' as const) : ('pending' as const),
    cursor: 0,
    total: 1,
    done: 0,
    failed: 0,
    skipped: 0,
  }));
  const said = (more: Partial<OperationHeader>): string =>
    explain({
      header: header({ stage: 0, stages: states, ...more }),
      tasks: [],
      guards: [],
      plan: { ...plan, stages },
      totals: {},
      now: NOW,
    });
  expect(said({ approvalPolicy: 'cutover' })).toContain(
    'Then comes: deny writes, inside a time limit; somebody is asked to agree first.\n',
  );
  expect(said({})).toContain('Then comes: deny writes, inside a time limit.\n');
  expect(said({ ending: 'failed' })).not.toContain('Then comes');
});
