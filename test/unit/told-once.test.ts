/** What is told of a folder that waits at a gate: once, however often the gate is tried. */
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GateClosed, memoryStore, systemClock } from '@longshore/core';
import { startOpenTsdb } from '@longshore/sandbox';
import { tsdb } from '@longshore/tsdb';
import { expect, test } from 'vitest';
import { SOURCE_LIMIT } from '../../packages/tsdb/src/tasks/settings.ts';
import { batchContext, HOUR_MS, START_MS } from '../support/batch-context.ts';

const MINUTE_MS = 60_000;

test('a folder that waits for the source is begun once, and ends once', async () => {
  const path = await mkdtemp(join(tmpdir(), 'longshore-told-'));
  await using source = await startOpenTsdb();
  source.store.add({ metric: 'kilda.a', tags: { host: 'one' }, points: [[START_MS, '1']] });
  const store = memoryStore(systemClock);
  const holders = Array.from({ length: SOURCE_LIMIT }, (_, at) => `other/${at}`);
  for (const holder of holders) await store.takePermit(`source:${source.url}`, holder, SOURCE_LIMIT, systemClock.now(), MINUTE_MS);
  const told: string[] = [];
  const folders = { prefix: 'data-', timeZone: 'UTC' };
  const dump = async (): Promise<void> => {
    const params = { source: source.url, unit: 0, redo: 0, tally: 'all' };
    const plan = { startMs: START_MS, stopMs: START_MS + HOUR_MS, intervalMs: HOUR_MS, metrics: ['kilda.a'], folders };
    const context = batchContext({ task: 'dump', generation: 1, params, clock: systemClock, store, path });
    const event = async (_kind: string, text: string): Promise<void> => void told.push(text.split(' ')[0]!);
    await tsdb.tasks.find(({ name }) => name === 'tsdb.interval-dump')!.run({ ...context, plan, event });
  };
  try {
    for (let knock = 0; knock < 3; knock++) await expect(dump()).rejects.toBeInstanceOf(GateClosed);
    expect(told).toEqual(['Dumping']);
    for (const holder of holders) await store.dropPermit(`source:${source.url}`, holder);
    await dump();
    expect(told).toEqual(['Dumping', 'Dumped']);
    await dump();
    expect(told, 'an attempt of its own').toEqual(['Dumping', 'Dumped', 'Dumping', 'Dumped']);
  } finally {
    await rm(path, { recursive: true, force: true });
  }
});

test.each(['', '_dump_done'])('a folder of the originals (%s) with the name of one of ours is not taken away', async (state) => {
  const path = await mkdtemp(join(tmpdir(), 'longshore-originals-'));
  await using source = await startOpenTsdb();
  source.store.add({ metric: 'kilda.a', tags: { host: 'one' }, points: [[START_MS, '1']] });
  const folder = join(path, `data-2026.01.01_00:00:00_2026.01.01_01:00:00${state}`);
  await mkdir(folder);
  await writeFile(join(folder, 'kilda.gone.ndjson'), "1.0|kilda.gone|{'host': 'one'}|1\r\n");
  const params = { source: source.url, unit: 0, redo: 0, tally: 'all' };
  const folders = { prefix: 'data-', timeZone: 'UTC' };
  const plan = { startMs: START_MS, stopMs: START_MS + HOUR_MS, intervalMs: HOUR_MS, metrics: ['kilda.a'], folders };
  const context = batchContext({ task: 'dump', generation: 1, params, clock: systemClock, store: memoryStore(systemClock), path });
  try {
    const dump = tsdb.tasks.find(({ name }) => name === 'tsdb.interval-dump')!;
    await expect(dump.run({ ...context, plan })).rejects.toMatchObject({ code: 'LSH_TSDB_FOLDER' });
    const cleanup = tsdb.tasks.find(({ name }) => name === 'tsdb.interval-cleanup')!;
    await cleanup.run({ ...context, plan, params: { spool: 'local', last: true } });
    expect(await readdir(folder)).toEqual(['kilda.gone.ndjson']);
  } finally {
    await rm(path, { recursive: true, force: true });
  }
});
