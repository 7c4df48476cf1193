/** Files for other tools: one for each batch, however often it is dumped. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Json, memoryStore, systemClock } from '@longshore/core';
import { startOpenTsdb } from '@longshore/sandbox';
import { tsdb } from '@longshore/tsdb';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { BATCH, batchContext, OPERATION, START_MS } from '../support/batch-context.ts';

let path: string;
let out: string;
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'longshore-files-'));
  out = join(path, 'out');
  await mkdir(out);
});
afterEach(() => rm(path, { recursive: true, force: true }));

async function attempt(task: string, params: Json): Promise<void> {
  const context = batchContext({ task, generation: 1, params, clock: systemClock, store: memoryStore(systemClock), path });
  await tsdb.tasks.find(({ name }) => name === task)!.run(context);
}

/** A dump of these series in this order, and then its file. */
async function moved(via: string, redo: number, hosts: string[], more: [number, string][] = []): Promise<void> {
  await using source = await startOpenTsdb();
  for (const host of hosts)
    source.store.add({ metric: 'kilda.a', tags: { host, dc: 'x' }, points: [[START_MS, '1'], [START_MS + 1_500, '2.5'], ...more] });
  await attempt('tsdb.dump-batch', { source: source.url, unit: 0, redo, tally: 'all' });
  const batch = redo === 0 ? BATCH : `${BATCH}-r${redo}`;
  await attempt('tsdb.write-batch', { sink: pathToFileURL(out).href, via, batch, from: OPERATION, tally: 'all' });
}

test.each(['lines', 'text'])(
  'a batch that is dumped again into %s takes the place of its file, or fails where that holds something else',
  async (via) => {
    await moved(via, 0, ['h1', 'h2']);
    const [name] = await readdir(out);
    const file = join(out, name!);
    const first = await readFile(file, 'utf8');
    // A writer that was lost on the way.
    await writeFile(`${file}.part`, first.slice(0, 20));

    await moved(via, 101, ['h2', 'h1']);
    expect(await readdir(out)).toEqual([name]);
    const second = await readFile(file, 'utf8');
    expect(second, 'the source told its series in another order').not.toBe(first);
    expect(second.split('\n').sort()).toEqual(first.split('\n').sort());

    await expect(moved(via, 102, ['h1', 'h2'], [[START_MS + 2_000, '3']])).rejects.toMatchObject({ code: 'LSH_TSDB_FILE_TAKEN' });
    await expect(moved(via, 103, ['h1', 'h3'])).rejects.toMatchObject({ code: 'LSH_TSDB_FILE_TAKEN' });
    await writeFile(file, second.replace('2.5', '2.6'));
    await expect(moved(via, 104, ['h1', 'h2'])).rejects.toMatchObject({ code: 'LSH_TSDB_FILE_TAKEN' });
    await writeFile(file, 'no points at all');
    await expect(moved(via, 105, ['h1', 'h2'])).rejects.toMatchObject({ code: 'LSH_TSDB_FILE_TAKEN' });
    expect(await readdir(out)).toEqual([name]);
    await rm(file);
    await moved(via, 106, ['h1', 'h2']);
    expect(await readdir(out), 'under the name of the batch').toEqual([name]);
  },
);
