/** What the kilda tools' folders and servers may hold that nobody meant: nothing of it is lost or made up. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Json, memoryStore, type Note, systemClock, type TaskContext } from '@longshore/core';
import { startOpenTsdb } from '@longshore/sandbox';
import { tsdb } from '@longshore/tsdb';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { batchContext } from '../support/batch-context.ts';
import { startRecordedServer } from '../vectors/tsdb-server.ts';

const START_S = 1_678_233_600;

let path: string;
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'longshore-kilda-odd-'));
});
afterEach(() => rm(path, { recursive: true, force: true }));

async function run(task: string, params: Json, plan: Json = {}): Promise<{ tallies: Record<string, number>; notes: Note[] }> {
  const told: { tallies: Record<string, number>; notes: Note[] } = { tallies: {}, notes: [] };
  const context: TaskContext<unknown> = {
    ...batchContext({ task, generation: 1, params, clock: systemClock, store: memoryStore(systemClock), path }),
    plan,
    checkpoint: { load: async () => undefined, save: async () => undefined },
    tally(_row, column, by) {
      told.tallies[column] = (told.tallies[column] ?? 0) + by;
    },
    note: (note) => void told.notes.push(note),
  };
  await tsdb.tasks.find(({ name }) => name === task)!.run(context);
  return told;
}

const restore = (sink: string) => run('tsdb.kilda-restore-folder', { folder: pathToFileURL(path).href, sink, requestBytes: 4096 });
const row = (s: number, value: string): string => `${START_S + s}.0|kilda.a|{'h': '1'}|${value}\r\n`;

test('of a row that was cut in its number, and ended by the line feed of a later dump, no number is made', async () => {
  await writeFile(join(path, 'kilda.a.ndjson'), `${row(0, '1')}${row(1, '123').slice(0, -3)}\n${row(2, '3')}`);
  await using sink = await startOpenTsdb();
  const told = await restore(sink.url);
  expect(told.tallies).toEqual({ restored: 2, unsendable: 1 });
  expect(told.notes.map(({ text }) => text).join()).toContain('does not end in CR LF');
  const points = sink.store.series('kilda.a')[0]!.range(0, 1e15);
  expect([points.length, points.text(0), points.text(1)]).toEqual([2, '1.0', '3.0']);
});

test('a restore that broke off is remembered until its own sink has everything, whatever goes elsewhere meanwhile', async () => {
  await writeFile(join(path, 'kilda.a.ndjson'), row(0, '1'));
  await using one = await startOpenTsdb();
  await using other = await startOpenTsdb();
  const mark = join(path, '.restoring.json');
  await writeFile(mark, JSON.stringify({ sinks: [one.url] }));
  await restore(other.url);
  expect(JSON.parse(await readFile(mark, 'utf8'))).toEqual({ sinks: [one.url] });
  await restore(one.url);
  await expect(readFile(mark)).rejects.toThrow('ENOENT');
});

test('notes of a restore that cannot be read are refused before anything is sent', async () => {
  await writeFile(join(path, 'kilda.a.ndjson'), row(0, '1'));
  await using sink = await startOpenTsdb();
  for (const [name, text, said] of [
    ['.restoring.json', '{"sinks": ["http', 'does not say which sinks are in doubt'],
    ['.restoring.json', '{}', 'does not say which sinks are in doubt'],
    ['kilda.a.ndjson.rmeta.json', '{"offset": -1}', 'does not say how far the restore has come'],
    ['kilda.a.ndjson.rmeta.json', `{"offset": ${row(0, '1').length + 1}}`, 'are said to be restored'],
  ] as const) {
    await writeFile(join(path, name), text);
    await expect(restore(sink.url)).rejects.toMatchObject({ code: 'LSH_TSDB_FOLDER', message: expect.stringContaining(said) });
    await rm(join(path, name));
  }
  expect(sink.store.series('kilda.a')).toEqual([]);
});

test('a restore that is said to have come into the middle of a row makes no row of its end', async () => {
  await writeFile(join(path, 'kilda.a.ndjson'), `${row(0, '1')}${row(1, '2')}`);
  await writeFile(join(path, 'kilda.a.ndjson.rmeta.json'), '{"offset": 2}');
  await using sink = await startOpenTsdb();
  const told = await restore(sink.url);
  expect(told.tallies).toEqual({ restored: 1, unsendable: 1 });
  expect(told.notes.map(({ text }) => text).join()).toContain('it is the end of a row');
  expect(sink.store.series('kilda.a')[0]!.range(0, 1e15).text(0)).toBe('2.0');
});

test('a last row that the original sent without its line end is not told of as another', async () => {
  const first = row(0, '1');
  await writeFile(join(path, 'kilda.a.ndjson'), `${first}${row(1, '2')}`);
  await writeFile(join(path, 'kilda.a.ndjson.rmeta.json'), `{"offset": ${first.length - 2}}`);
  await using sink = await startOpenTsdb();
  expect((await restore(sink.url)).tallies).toEqual({ restored: 1 });
});

test('files are found however their ending is spelled, and each has its own place to go on', async () => {
  await writeFile(join(path, 'one.NDJSON'), row(0, '1'));
  await writeFile(join(path, 'two.NdJson'), row(1, '2'));
  await writeFile(join(path, 'two.ndjson'), row(2, '3'));
  await using sink = await startOpenTsdb();
  expect((await restore(sink.url)).tallies).toEqual({ restored: 3 });
  expect(JSON.parse(await readFile(join(path, 'two.NdJson.rmeta.json'), 'utf8'))).toEqual({ offset: row(1, '2').length });
  expect((await restore(sink.url)).tallies).toEqual({});
});

test('a server that groups some series leaves the others in its first answer: both are dumped', async () => {
  await using server = await startRecordedServer();
  const object = (tags: object, aggregateTags: string[], value: number): object => ({
    metric: 'kilda.g',
    tags,
    aggregateTags,
    dps: { [START_S]: value },
  });
  server.reset({
    metrics: ['kilda.g'],
    series: [],
    rawm: {
      'none:kilda.g': JSON.stringify([object({ dc: 'x' }, ['host'], 3), object({ rack: '1' }, [], 9)]),
      'none:kilda.g{host=*}': JSON.stringify([object({ dc: 'x', host: 'a' }, [], 1), object({ dc: 'x', host: 'b' }, [], 2)]),
    },
  });
  const plan = { startMs: START_S * 1000, stopMs: (START_S + 180) * 1000, frameS: 180, metrics: ['kilda.g'], prefix: 'kilda.' };
  const params = { source: server.url, folder: pathToFileURL(path).href, unit: 0, removeMetadata: false };
  const told = await run('tsdb.kilda-dump-metric', params, plan);
  const rows = (await readFile(join(path, 'kilda.g.ndjson'), 'utf8')).trimEnd().split('\r\n').sort();
  expect(rows).toEqual([
    `${START_S}.0|kilda.g|{'dc': 'x', 'host': 'a'}|1`,
    `${START_S}.0|kilda.g|{'dc': 'x', 'host': 'b'}|2`,
    `${START_S}.0|kilda.g|{'rack': '1'}|9`,
  ]);
  expect(told.tallies).toEqual({ dumped: 3 });
});
