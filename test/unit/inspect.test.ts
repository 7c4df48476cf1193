/** `tsdb inspect` counts what lies there, and names damage instead of passing over it. */
import { mkdtemp, open, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Json, memoryStore, type Note, systemClock, type TaskContext } from '@longshore/core';
import { startOpenTsdb, startVictoriaMetrics } from '@longshore/sandbox';
import { tsdb } from '@longshore/tsdb';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { BATCH, batchContext, OPERATION, START_MS } from '../support/batch-context.ts';

const POINTS = 60;

let path: string;
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'longshore-inspect-'));
});
afterEach(() => rm(path, { recursive: true, force: true }));

async function attempt(task: string, params: Json): Promise<{ rows: Record<string, Record<string, number>>; notes: Note[] }> {
  const rows: Record<string, Record<string, number>> = {};
  const notes: Note[] = [];
  const context: TaskContext<unknown> = {
    ...batchContext({ task, generation: 1, params, clock: systemClock, store: memoryStore(systemClock), path }),
    tally(row, column, by) {
      rows[row] = { ...rows[row], [column]: (rows[row]?.[column] ?? 0) + by };
    },
    note: (note) => void notes.push(note),
  };
  await tsdb.tasks.find(({ name }) => name === task)!.run(context);
  return { rows, notes };
}

async function startSource() {
  const source = await startOpenTsdb();
  for (const host of ['one', 'two'])
    source.store.add({
      metric: 'kilda.a',
      tags: { host },
      points: Array.from({ length: POINTS }, (_, minute): [number, string] => [START_MS + minute * 60_000, String(minute)]),
    });
  return source;
}
const TIMES = `from ${new Date(START_MS).toISOString()} to ${new Date(START_MS + (POINTS - 1) * 60_000).toISOString()}`;

test('a source and what was dumped of it are the same, until a byte of the dump is changed', async () => {
  await using source = await startSource();
  const there = await attempt('tsdb.inspect-metric', { source: source.url, metric: 'kilda.a' });
  expect(there.rows['kilda.a']).toMatchObject({ points: 2 * POINTS, series: 2, damaged: 0 });
  expect(there.notes).toContainEqual({ level: 'info', row: 'kilda.a', text: TIMES });

  await attempt('tsdb.dump-batch', { source: source.url, unit: 0, redo: 0, tally: 'all' });
  const dump = { from: OPERATION, spool: 'local' };
  const whole = await attempt('tsdb.inspect-dump', dump);
  expect(whole.rows['kilda.a']).toMatchObject({ points: 2 * POINTS, series: 2, damaged: 0 });
  expect(whole.notes).toContainEqual({ level: 'info', row: 'kilda.a', text: TIMES });

  const folder = join(path, OPERATION, `${BATCH}.ready`);
  const segment = (await readdir(folder)).find((name) => name.startsWith('data.'))!;
  const file = await open(join(folder, segment), 'r+');
  await file.write(Buffer.from([0xff, 0x00, 0xff]), 0, 3, 8);
  await file.close();
  const damaged = await attempt('tsdb.inspect-dump', dump);
  expect(damaged.rows['kilda.a']?.damaged).toBeGreaterThan(0);
  expect(damaged.notes.find(({ level }) => level === 'error')?.text).toContain(segment);
});

test('a folder of the kilda tools: rows, series, and the byte of each row that cannot be read', async () => {
  const row = (second: number, host: string): string => `${START_MS / 1000 + second}.0|kilda.a|{'host': '${host}'}|1\r\n`;
  const good = row(0, 'one') + row(60, 'two');
  await writeFile(join(path, 'kilda.a.ndjson'), `${good}x|y\r\n${row(120, 'one')}${row(180, 'one').slice(0, 12)}`);
  const { rows, notes } = await attempt('tsdb.inspect-folder', { folder: pathToFileURL(path).href });
  expect(rows['kilda.a']).toMatchObject({ points: 3, series: 2, chunks: 1, damaged: 2 });
  const errors = notes.filter(({ level }) => level === 'error').map(({ text }) => text);
  expect(errors[0]).toContain(`byte ${good.length}`);
  expect(errors[1]).toContain('cut off');
});

test('files that --via lines and --via text have written: series, and the byte of each line that cannot be read', async () => {
  const label = (host: string): string => `{"__name__":"kilda.a","host":"${host}"}`;
  const line = (host: string): string => `{"metric":${label(host)},"values":[1,2.5],"timestamps":[${START_MS},${START_MS + 60_000}]}\n`;
  const uneven = `{"metric":${label('one')},"values":[1],"timestamps":[${START_MS},${START_MS}]}\n`;
  await writeFile(join(path, 'a.jsonl'), `${line('one')}{}\n${uneven}${line('two')}${line('two').slice(0, 20)}`);
  const text = (second: number, metric = 'kilda.b'): string => `${metric} ${START_MS / 1000 + second} ${second}.5 host=one\n`;
  await writeFile(join(path, 'b.txt'), `${text(0)}kilda.b x 1 host=one\n${text(60)}kilda.b 1 1\n${text(0, 'kilda.a')}`);
  await writeFile(join(path, 'c.jsonl.part'), line('one'));
  const { rows, notes } = await attempt('tsdb.inspect-folder', { folder: pathToFileURL(path).href });
  // The same series in two forms is one series.
  expect(rows['kilda.a']).toMatchObject({ points: 5, series: 2, chunks: 2, damaged: 0 });
  expect(rows['kilda.b']).toMatchObject({ points: 2, series: 1, chunks: 1 });
  expect([rows['a.jsonl'], rows['b.txt'], rows['c.jsonl.part']].map((row) => row?.damaged)).toEqual([3, 2, 1]);
  const errors = notes.filter(({ level }) => level === 'error').map(({ text: told }) => told);
  expect(errors[0]).toContain(`byte ${line('one').length}`);
  expect(errors[1]).toContain('1 values for 2 times');
  expect(notes).toContainEqual({
    level: 'info',
    row: 'kilda.a',
    text: `from ${new Date(START_MS).toISOString()} to ${new Date(START_MS + 60_000).toISOString()}`,
  });
});

test.each([
  ['a.jsonl', '"values":[1,x]', '"x" is no number'],
  ['a.jsonl', '"values":[1,]', '"" is no number'],
  ['a.jsonl', '"timestamps":[1,]', '"" is no time'],
  ['a.jsonl', '"timestamps":[1,0x10]', '"0x10" is no time'],
  ['a.jsonl', '"__name__":"kilda.a"x', 'no JSON line of a series'],
  ['a.jsonl', '"__name__":"kilda.a","__name__":"kilda.b"', 'no JSON line of a series'],
])('in %s, %s is damage', async (name, part, reason) => {
  const whole = `{"metric":{"__name__":"kilda.a"},"values":[1,null],"timestamps":[${START_MS},${START_MS + 1}]}\n`;
  const key = part.slice(0, part.indexOf(':') + 1);
  const line = whole.replace(new RegExp(`${key}(\\[.*?\\]|"kilda.a")`), part);
  await writeFile(join(path, name), `${whole}${line}`);
  const { rows, notes } = await attempt('tsdb.inspect-folder', { folder: pathToFileURL(path).href });
  expect(rows['kilda.a']).toMatchObject({ points: 2, damaged: 0 });
  expect(rows[name]?.damaged).toBe(1);
  expect(notes.find(({ level }) => level === 'error')?.text).toMatch(new RegExp(`byte ${whole.length}: .*${reason}`));
});

test('a row that lost the CR before its line feed is damage here as it is for a restore', async () => {
  await writeFile(join(path, 'kilda.a.ndjson'), `${START_MS / 1000}.0|kilda.a|{'host': 'one'}|12\n`);
  const { rows } = await attempt('tsdb.inspect-folder', { folder: pathToFileURL(path).href });
  expect(rows['kilda.a']).toMatchObject({ points: 0, damaged: 1 });
});

test('a VictoriaMetrics: series and points of the window, and those that are there twice', async () => {
  await using sink = await startVictoriaMetrics({});
  const send = async (host: string, seconds: number[]): Promise<void> => {
    const times = seconds.map((second) => START_MS + second * 1000);
    const line = `{"metric":{"__name__":"kilda.a","host":"${host}"},"values":[${seconds}],"timestamps":[${times}]}\n`;
    expect((await fetch(`${sink.url}/api/v1/import`, { method: 'POST', body: line })).status).toBe(204);
  };
  await send('one', [0, 60, 120, 7200]);
  await send('two', [0, 60]);
  await fetch(`${sink.url}/internal/force_flush`);
  const once = await attempt('tsdb.inspect-held', { source: sink.url, metric: 'kilda.a' });
  expect(once.rows['kilda.a']).toMatchObject({ points: 5, series: 2, chunks: 1, damaged: 0 });
  expect(once.notes).toEqual([
    { level: 'info', row: 'kilda.a', text: `from ${new Date(START_MS).toISOString()} to ${new Date(START_MS + 120_000).toISOString()}` },
  ]);
  await send('two', [60]);
  await fetch(`${sink.url}/internal/force_flush`);
  const twice = await attempt('tsdb.inspect-held', { source: sink.url, metric: 'kilda.a' });
  expect(twice.rows['kilda.a']).toMatchObject({ points: 6, series: 2, damaged: 1 });
  expect(twice.notes.find(({ level }) => level === 'error')?.text).toContain('1 points are there twice');
});

test('what is damaged or could not be read makes the exit code 3', () => {
  const kind = tsdb.kinds.find(({ name }) => name === 'tsdb.inspect')!;
  const judge = (totals: Record<string, number>) => kind.conclude({ header: { stages: [] } as never, rows: {}, totals });
  expect(judge({ damaged: 0 })).toEqual({ ok: true });
  expect(judge({ damaged: 1 })).toMatchObject({ ok: false, error: { code: 'LSH_TSDB_DAMAGED', exitCode: 3 } });
});
