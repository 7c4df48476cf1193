import { expect, test } from 'vitest';
import { aboutOf } from '../src/about.ts';
import { sentence } from '../src/format.ts';
import { paragraphs } from '../src/operation/paragraphs.ts';
import { spansOf } from '../src/operation/spans.ts';
import { heldOf, queuesOf, readyIn } from '../src/queues.ts';

test('the text of explain is set in paragraphs, without what the head of the page says already', () => {
  const text = `op_1 is a counter.move, submitted 3 s ago by ann.
  The counter hits.
  Copied while clients go on.

It waits for approval: nothing runs.
For 3 s it has waited for a person to agree to:
  cutover: deny writes
  retire: delete

Next: \`longshore approve op_1 --reason …\` lets it go on.
`;
  expect(paragraphs(text)).toEqual([
    [
      { text: 'It waits for approval: nothing runs.', item: false },
      { text: 'For 3 s it has waited for a person to agree to:', item: false },
      { text: 'cutover: deny writes', item: true },
      { text: 'retire: delete', item: true },
    ],
    [{ text: 'Next: `longshore approve op_1 --reason …` lets it go on.', item: false }],
  ]);
  expect(paragraphs('op_1 is a thing.\n')).toEqual([]);
});

test('what the head of the page says louder is not said again', () => {
  const text = `op_1 is a counter.move.

It failed after 2 s.

The service at a is away.
Start it.

Next: \`longshore report op_1\` tells more.
`;
  expect(
    paragraphs(text, ['the service at a is away', 'Start it.'])
      .flat()
      .map((line) => line.text),
  ).toEqual(['It failed after 2 s.', 'Next: `longshore report op_1` tells more.']);
});

test('a sentence begins large, but for names', () => {
  expect(['writes are denied', 'customer: - → -80', 't1:10921 goes', 'http://a is away'].map(sentence)).toEqual([
    'Writes are denied.',
    'customer: - → -80.',
    't1:10921 goes.',
    'http://a is away.',
  ]);
});

test('a list says what each operation works on', () => {
  expect(aboutOf({ source: 'otsdb-old', sink: 'vm-new', metricsPrefix: 'kilda.' })).toBe('kilda.: otsdb-old → vm-new');
  expect(aboutOf({ cluster: 'vt', keyspace: 'customer', sourceShards: ['-'] })).toBe('customer: vt');
  expect(aboutOf({ proxies: ['a', 'b', 'c', 'd'] })).toBe('a, b, c');
  expect([aboutOf({ tasks: 3 }), aboutOf(null)]).toEqual(['', '']);
});

test('tasks on a time line: those that ended, and those that run until now', () => {
  const ended = { id: 'a', task: 't', stage: 0, result: 'ok' as const, startedAt: 10, endedAt: 30 };
  const never = { id: 'b', task: 't', stage: 0, result: 'skipped' as const, endedAt: 30 };
  const running = { id: 'c', task: 't', state: 'running' as const, failures: 0, since: 5 };
  const queued = { id: 'd', task: 't', state: 'queued' as const, failures: 0 };
  expect(spansOf([ended, never], [running, queued], 100)).toEqual([
    { id: 'c', mark: 'running', from: 5, to: 100 },
    { id: 'a', mark: 'done', from: 10, to: 30 },
  ]);
});

test('queues and spools are read from the metrics', () => {
  const metrics = `# HELP longshore_queue_jobs Jobs.
longshore_queue_jobs{queue="dump.a",state="waiting"} 3
longshore_queue_jobs{queue="dump.a",state="active"} 1
longshore_backlog_seconds{queue="dump.a"} 12.5
longshore_spool_reserved{spool="a",what="bytes"} 100
longshore_spool_reserved{spool="a",what="inodes"} 7
`;
  expect(queuesOf(metrics)).toEqual([{ queue: 'dump.a', waiting: 3, active: 1, delayed: 0, backlogSeconds: 12.5 }]);
  const queues = queuesOf(
    'longshore_queue_jobs{queue="restore.a",state="waiting"} 2\nlongshore_queue_jobs{queue="restore.a",state="delayed"} 1\n',
  );
  expect([readyIn('a', queues), readyIn('b', queues)]).toEqual([3, 0]);
  expect([...heldOf(metrics)]).toEqual([['a', { bytes: 100, inodes: 7 }]]);
});
