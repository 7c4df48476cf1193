/** The statfile on this machine: read whole, written whole, replaced in one step. */
import { access, constants, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { BadStatFile, StatFileFolder } from '../errors.ts';
import type { StatLine } from '../stat-file.ts';
import { formatStatLine, parseStatLine } from '../stat-file.ts';

/** Null where there is none. */
export async function readText(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

/** Throws `LSH_OPENMLDB_STATFILE_FOLDER` where the file could not be replaced: that is better known before anything is moved. */
export async function assertReplaceable(path: string): Promise<void> {
  try {
    await access(dirname(path), constants.W_OK | constants.X_OK);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    const reason =
      code === 'ENOENT' ? `there is no folder ${dirname(path)}` : `the folder ${dirname(path)} may not be written (${String(code)})`;
    throw StatFileFolder({ statfile: path, reason }, { cause: error });
  }
}

/** Null takes the file away. A reader sees the old one or the new one. */
export async function writeText(path: string, text: string | null): Promise<void> {
  if (text === null) {
    await rm(path, { force: true });
  } else {
    const beside = `${path}.new`;
    const file = await open(beside, 'w', 0o644);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, path);
  }
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Throws `LSH_OPENMLDB_STATFILE` at a line that is none. */
export function parseStatFile(path: string, text: string): StatLine[] {
  return text.split('\n').flatMap((line, at) => {
    if (line.trim() === '') return [];
    const parsed = parseStatLine(line);
    if (!parsed) throw BadStatFile({ statfile: path, line: at + 1, text: line.slice(0, 100) });
    return [parsed];
  });
}

export function formatStatFile(lines: readonly StatLine[]): string {
  return [...new Set(lines.map(formatStatLine))].map((line) => `${line}\n`).join('');
}
