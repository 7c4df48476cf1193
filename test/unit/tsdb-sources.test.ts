/** Sources and sinks of OpenTSDB's protocol, against the stand-in: an old one without raw reads, and putting with its limits. */
import { systemClock, systemRandom } from '@longshore/core';
import { silentLog } from '@longshore/host';
import { startOpenTsdb } from '@longshore/sandbox';
import { expect, test } from 'vitest';
import { openTsdb, openTsdbSink, putObjects } from '../../packages/tsdb/src/client/opentsdb/index.ts';
import { compareWithOpenTsdb } from '../../packages/tsdb/src/client/opentsdb/read-back.ts';
import { PutWriter } from '../../packages/tsdb/src/tasks/put-writer.ts';

const HOUR_MS = 3_600_000;
const START_MS = Date.UTC(2023, 2, 8);
const deps = { clock: systemClock, random: systemRandom, log: silentLog, signal: new AbortController().signal };
const target = (address: string) => ({ name: 'tsd', system: 'opentsdb', address, settings: {}, secrets: {} });

async function linesOf(url: string, metric: string): Promise<string[]> {
  await using source = openTsdb.connect(target(url), deps);
  let text = '';
  await source.readRange(
    metric,
    { startMs: START_MS, stopMs: START_MS + HOUR_MS },
    {
      frame: () => {
        let part = '';
        return {
          async write(lines) {
            part += lines.toString();
          },
          async rollback() {
            part = '';
          },
          async commit() {
            text += part;
          },
        };
      },
    },
  );
  return text
    .split('\n')
    .filter((line) => line !== '')
    .sort();
}

function fill(
  store: { put(metric: string, tags: Record<string, string>, ms: number, value: string): void },
  metric: string,
  series: number,
): void {
  for (let at = 0; at < series; at++)
    for (const [step, value] of ['1', '2.5', '9007199254740993'].entries())
      store.put(metric, at % 2 === 0 ? { host: `h${at}` } : { host: `h${at}`, dc: 'x' }, START_MS + step * 60_000, value);
}

test('an OpenTSDB of 2.2 gives the same series as one that can be read raw', async () => {
  await using old = await startOpenTsdb({ version: '2.2' });
  await using new_ = await startOpenTsdb({});
  fill(old.store, 'kilda.a', 90);
  fill(new_.store, 'kilda.a', 90);
  const found = await linesOf(old.url, 'kilda.a');
  expect(found.length).toBe(90);
  expect(found).toEqual(await linesOf(new_.url, 'kilda.a'));
});

test('a server of small requests is learned, and what it takes is what was sent', async () => {
  await using server = await startOpenTsdb({ enableChunked: false });
  await using sink = openTsdbSink.connect(target(server.url), deps);
  const values = Array.from({ length: 2_000 }, (_, at) => String(at));
  const times = values.map((_, at) => String(START_MS + at * 1_000));
  const lines = Buffer.from(
    `{"metric":{"__name__":"kilda.put","host":"größe"},"values":[${values.join(',')}],"timestamps":[${times.join(',')}]}\n`,
  );
  const writer = new PutWriter(sink, { sync: false, exact: true }, deps, 64 * 1024);
  expect(await writer.send(putObjects(lines))).toEqual([]);
  expect(writer.bodyBytes).toBeLessThan(64 * 1024);
  await using source = openTsdb.connect(target(server.url), deps);
  const range = { startMs: START_MS, stopMs: START_MS + HOUR_MS };
  const { comparison, missingLines } = await compareWithOpenTsdb(source, 'kilda.put', range, lines, deps.signal);
  expect(comparison).toMatchObject({ points: 2_000, matched: 2_000, missing: 0, different: 0 });
  expect(missingLines).toEqual([]);
});

test('points a server will never take are named, the others are stored', async () => {
  await using server = await startOpenTsdb({});
  await using sink = openTsdbSink.connect(target(server.url), deps);
  const line = (metric: string): string => `{"metric":{"__name__":"${metric}","host":"a"},"values":[1],"timestamps":[${START_MS}]}\n`;
  const writer = new PutWriter(sink, { sync: false, exact: true }, deps);
  const rejected = await writer.send(putObjects(Buffer.from(line('kilda.good') + line('kilda:bad'))));
  expect(rejected).toMatchObject([{ reason: expect.stringContaining('illegal character') }]);
  expect(await linesOf(server.url, 'kilda.good')).toHaveLength(1);
});
