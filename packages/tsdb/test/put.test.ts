/** `/api/put`: what answers mean, what is sent again, and what the bodies are. */
import { describe, expect, test } from 'vitest';
import { answer } from '../src/client/opentsdb/put.ts';
import { importText, putObjects, putTime } from '../src/client/opentsdb/put-lines.ts';
import { batchName } from '../src/plan/batches.ts';
import { folderLayout, windowName } from '../src/plan/folders.ts';
import { prefixesToAsk, selectMetrics } from '../src/plan/selection.ts';
import { sortErrors } from '../src/tasks/put-writer.ts';

const LINES = Buffer.from(
  '{"metric":{"__name__":"kilda.a","2":"x","1":"y"},"values":[1,9223372036854775807,2.5],"timestamps":[1678233600000,1678233600001,1678233601000]}\n',
);

describe('bodies', () => {
  test('numbers keep their digits, whole seconds are seconds, tags keep their order', () => {
    expect([...putObjects(LINES)]).toEqual([
      '{"metric":"kilda.a","timestamp":1678233600,"value":1,"tags":{"2":"x","1":"y"}}',
      '{"metric":"kilda.a","timestamp":1678233600001,"value":9223372036854775807,"tags":{"2":"x","1":"y"}}',
      '{"metric":"kilda.a","timestamp":1678233601,"value":2.5,"tags":{"2":"x","1":"y"}}',
    ]);
    expect(putTime('1678233600010')).toBe('1678233600010');
    expect(putTime('4294967295000'), 'the last whole second in 32 bits').toBe('4294967295');
    expect(putTime('4294967296000')).toBe('4294967296000');
  });

  test('text for `tsdb import` leaves out what its format cannot say, and counts it', () => {
    expect(importText(LINES).text.split('\n')[1]).toBe('kilda.a 1678233600001 9223372036854775807 2=x 1=y');
    expect(importText(Buffer.from('{"metric":{"__name__":"a b"},"values":[1],"timestamps":[1678233600000]}\n'))).toEqual({
      text: '',
      leftOut: 1,
    });
    const twoSigns = Buffer.from('{"metric":{"__name__":"a","host":"b=c"},"values":[1,2],"timestamps":[1678233600000,1678233600001]}\n');
    expect(importText(twoSigns)).toEqual({ text: '', leftOut: 2 });
    const large = Buffer.from('{"metric":{"__name__":"a","b":"c"},"values":[3.4E38,-3.5e38,4.9E-324],"timestamps":[1001,1002,1003]}\n');
    expect(importText(large)).toEqual({ text: 'a 1001 3.4E38 b=c\na 1003 4.9E-324 b=c\n', leftOut: 1 });
  });
});

describe('answers', () => {
  const details = JSON.stringify({ success: 1, failed: 1, errors: [{ error: 'Unknown metric', datapoint: { metric: 'x' } }] });
  test.each([
    [204, '', { result: 'taken' }],
    [200, '{"success":2,"failed":0}', { result: 'taken' }],
    [200, '{"success":1,"failed":1}', { result: 'partly', failed: 1 }],
    [400, details, { result: 'partly', failed: 1, reason: 'Unknown metric' }],
    [400, '{"error":{"code":400,"message":"Chunked request not supported."}}', { result: 'too-large' }],
    [413, '', { result: 'too-large' }],
    [503, '', { result: 'busy' }],
    [424, '', { result: 'busy' }],
    [400, '{"error":{"code":400,"message":"Please throttle"}}', { result: 'busy' }],
    [404, '', { result: 'refused' }],
    // What is no account of what was stored is not taken for one.
    [200, '{"success":1,"failed":1,"erro', { result: 'busy', status: 200 }],
    [200, '<html>please log in</html>', { result: 'busy' }],
    [200, '{"error":{"code":500,"message":"boom"}}', { result: 'busy', reason: 'boom' }],
    [200, '{"success":1,"failed":"1"}', { result: 'partly', failed: 1 }],
    [200, 'ok', { result: 'taken' }],
  ])('%d %s', (status, body, expected) => expect(answer(status, body)).toMatchObject(expected));

  test('only what failed for a while is sent again', () => {
    const object = (metric: string): string => JSON.stringify({ metric, timestamp: 1, value: 1, tags: { b: '1', a: '2' } });
    const point = (metric: string): object => ({ metric, timestamp: 1, value: 1, tags: { a: '2', b: '1' } });
    const errors = [
      { error: 'Storage exception: x', datapoint: point('later') },
      { error: 'Unknown metric', datapoint: point('never') },
    ];
    const sorted = sortErrors(['good', 'later', 'never'].map(object), errors);
    expect(sorted.again).toEqual([object('later')]);
    expect(sorted.never).toMatchObject([{ reason: 'Unknown metric' }]);
    expect(sorted.unnamed).toBe(0);
    expect(sortErrors([object('good')], errors).unnamed, 'points that were not sent').toBe(2);
  });
});

describe('selection', () => {
  test('globs take and leave out', () => {
    const metrics = ['kilda.flow.bytes', 'kilda.flow.packets', 'kilda.isl.rtt'];
    expect(selectMetrics(metrics, { match: ['kilda.flow.*'], exclude: ['*.packets'] })).toEqual(['kilda.flow.bytes']);
    expect(selectMetrics(metrics, { match: [], exclude: ['kilda.???.*'] })).toEqual(['kilda.flow.bytes', 'kilda.flow.packets']);
    expect(prefixesToAsk({ prefixes: [], match: ['kilda.flow.*', 'kilda.*'], exclude: [] })).toEqual(['kilda.']);
    expect(prefixesToAsk({ prefixes: ['b', 'a', 'ab'], match: [], exclude: [] })).toEqual(['a', 'b']);
  });
});

describe('folders named by their windows', () => {
  const DAY = 86_400_000;
  const startMs = Date.UTC(2022, 0, 1);
  const plan = {
    startMs,
    stopMs: startMs + 3 * DAY,
    intervalMs: DAY,
    metrics: ['a'],
    folders: { prefix: 'opentsdb-data-', timeZone: 'UTC' },
  };

  test('as the original names them', () => {
    expect(windowName(plan.folders, { startMs, stopMs: startMs + DAY })).toBe('opentsdb-data-2022.01.01_2022.01.02');
    expect(windowName(plan.folders, { startMs, stopMs: startMs + 3_600_000 })).toBe(
      'opentsdb-data-2022.01.01_00:00:00_2022.01.01_01:00:00',
    );
  });

  test('every name is read back, nothing else is', () => {
    const layout = folderLayout(plan)!;
    for (const unit of [0, 1, 2])
      for (const redo of [0, 2])
        for (const state of ['dumping', 'ready', 'verified'] as const) {
          const batch = batchName(unit, redo);
          expect(layout.parse(layout.folder(batch, state))).toEqual({ batch, state });
        }
    expect(layout.folder('b0000000', 'ready')).toBe('opentsdb-data-2022.01.01_2022.01.02_dump_done');
    expect(layout.parse('lost+found')).toBeUndefined();
    expect(layout.parse('opentsdb-data-2022.01.09_2022.01.10')).toBeUndefined();
  });
});
