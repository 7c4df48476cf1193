/** A metric of which the real OpenTSDB does not give an hour in one query: read some series at a time, all of it. */
import { systemClock, systemRandom } from '@longshore/core';
import { silentLog } from '@longshore/host';
import { afterAll, describe, expect, test } from 'vitest';
import { openTsdb } from '../../packages/tsdb/src/client/opentsdb/index.ts';
import { LIMITED } from '../servers/opentsdb.ts';
import { realServer } from '../servers/real.ts';
import { loadPoints } from '../support/opentsdb-points.ts';

const real = await realServer('opentsdb');
const HOUR_MS = 3_600_000;
const START_MS = Date.UTC(2023, 2, 8);
const SERIES = 200;

describe.skipIf(!real.there)('the limits of a real OpenTSDB', () => {
  if (!real.there) return;
  afterAll(() => real.stop());
  const { url } = real;

  test('a metric that is too much for one query is read some series at a time', async ({ skip }) => {
    const config = (await (await fetch(`${url}/api/config`)).json()) as Record<string, string>;
    if (config['tsd.query.limits.overrides.config'] === undefined) skip('this server has no limits of ours');
    const metric = `${LIMITED.prefix}parts${Date.now().toString(36)}`;
    const points = Array.from({ length: SERIES * 6 }, (_, at) => ({
      metric,
      timestamp: START_MS / 1000 + Math.floor(at / SERIES) * 1_200,
      value: at,
      tags: at % 10 === 0 ? { only: `o${at % SERIES}` } : { host: `h${at % SERIES}`, dc: (at % SERIES) % 3 === 0 ? 'x' : 'y' },
    }));
    await loadPoints(url, points);
    const deps = { clock: systemClock, random: systemRandom, log: silentLog, signal: new AbortController().signal };
    await using source = openTsdb.connect({ name: 'tsd', system: 'opentsdb', address: url, settings: {}, secrets: {} }, deps);
    const range = { startMs: START_MS, stopMs: START_MS + 2 * HOUR_MS };
    const hour = { startMs: START_MS, stopMs: START_MS + HOUR_MS };
    await expect(source.readFrame(metric, hour, async () => undefined)).rejects.toMatchObject({ code: 'LSH_TSDB_OVER_LIMIT' });
    const seen = new Map<string, number>();
    await source.readRange(metric, range, {
      frame: () => ({
        write: async () => undefined,
        rollback: async () => undefined,
        async commit(_frame, { series }) {
          for (const one of series) seen.set(one.labels, (seen.get(one.labels) ?? 0) + one.points);
        },
      }),
    });
    const sent = new Map<string, number>();
    for (const { tags } of points) sent.set(tags.host ?? tags.only!, (sent.get(tags.host ?? tags.only!) ?? 0) + 1);
    const found = [...seen].map(([labels, count]): [string, number] => [/"(?:host|only)":"(\w+)"/.exec(labels)![1]!, count]);
    expect(new Map(found)).toEqual(sent);
  });
});
