/** Where fetched programs lie, and how they get there whole or not at all. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { isAlive } from './pid.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** `LONGSHORE_CACHE`, else `longshore` in the user's cache directory. Absolute. */
export function cacheDirectory(env: Environment = process.env): string {
  if (env.LONGSHORE_CACHE) return resolve(env.LONGSHORE_CACHE);
  if (env.XDG_CACHE_HOME) return resolve(env.XDG_CACHE_HOME, 'longshore');
  return join(env.HOME ? resolve(env.HOME) : homedir(), '.cache', 'longshore');
}

/** `ENOENT` and its like. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** Removes what processes that died while unpacking have left. */
async function sweepLeftovers(directory: string): Promise<void> {
  for (const name of await readdir(dirname(directory))) {
    if (!name.startsWith(`${basename(directory)}.`) || !name.endsWith('.unpacking')) continue;
    const pid = Number(name.slice(basename(directory).length + 1).split('-')[0]);
    if (!isAlive({ pid, startTicks: 0 })) await rm(join(dirname(directory), name), { recursive: true, force: true });
  }
}

/**
 * Makes `directory` by filling a temporary one beside it and renaming that, so that nobody ever sees it half full. When another
 * process is faster, its work stands and ours is thrown away. Does nothing when the directory is there.
 */
export async function publishDirectory(directory: string, fill: (temporary: string) => Promise<void>): Promise<void> {
  if (existsSync(directory)) return;
  await mkdir(dirname(directory), { recursive: true });
  await sweepLeftovers(directory);
  const temporary = `${directory}.${process.pid}-${randomBytes(4).toString('hex')}.unpacking`;
  await mkdir(temporary, { mode: 0o755 });
  try {
    await fill(temporary);
    await rename(temporary, directory);
  } catch (error) {
    const code = errorCode(error);
    if ((code !== 'ENOTEMPTY' && code !== 'EEXIST') || !existsSync(directory)) throw error;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}
