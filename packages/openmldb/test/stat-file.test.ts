/** The statfile of an upgrade: its lines, and the file they stand in. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { StatLine } from '../src/stat-file.ts';
import { formatStatLine, parseStatLine } from '../src/stat-file.ts';
import { assertReplaceable, formatStatFile, parseStatFile, readText, writeText } from '../src/tasks/files.ts';

const dir = await mkdtemp(join(tmpdir(), 'longshore-statfile-'));
afterAll(() => rm(dir, { recursive: true, force: true }));

const moved: StatLine = { endpoint: 't1:1', db: 'db1', table: 't', tid: 16, pid: 0, extra: '' };
const added: StatLine = { endpoint: 't1:1', db: 'db1', table: 't', tid: 17, pid: 0, extra: 't2:1' };

describe('lines', () => {
  test('are those of the original tool', () => {
    expect([moved, added].map(formatStatLine)).toEqual(['t1:1,db1,t,16,0,', 't1:1,db1,t,17,0,t2:1']);
    expect([moved, added].map((line) => parseStatLine(formatStatLine(line)))).toEqual([moved, added]);
  });

  test('are kept once, and one that is none is told with its number', () => {
    expect(parseStatFile('f', formatStatFile([moved, added, moved]))).toEqual([moved, added]);
    expect(() => parseStatFile('/f', `${formatStatLine(moved)}\n\nt1:1,db1,t,x,0,\n`)).toThrow('line 3 of /f is no line of a statfile');
  });
});

describe('the file', () => {
  test('is replaced whole, and goes without a trace', async () => {
    const path = join(dir, 'stat');
    expect(await readText(path)).toBeNull();
    await writeText(path, 'old\n');
    await writeText(path, 'new\n');
    expect(await readText(path)).toBe('new\n');
    await writeText(path, null);
    expect(await readdir(dir)).toEqual([]);
  });

  test('in a folder that is not there is refused before anything', async () => {
    await expect(assertReplaceable(join(dir, 'stat'))).resolves.toBeUndefined();
    await expect(assertReplaceable(join(dir, 'none', 'stat'))).rejects.toMatchObject({ code: 'LSH_OPENMLDB_STATFILE_FOLDER' });
  });
});
