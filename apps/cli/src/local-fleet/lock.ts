/**
 * One supervisor a directory. The lock is a row of files `fleet.lock.1`, `.2`, …: the last of them names the holder, and whoever makes
 * the next one after that holder has ended is the new holder. The last file is never removed, only the ones before it, so that a
 * process that looked a moment too early cannot make a number anew and take it for the last. A pid is told from a later one
 * by its start time.
 */
import { randomBytes } from 'node:crypto';
import { link, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { ProcessId } from '@longshore/programs';
import { isAlive, processId } from '@longshore/programs';

export interface Lock {
  release(): Promise<void>;
}

const FREE = '{"pid":0}';

/** Who holds the lock now, if that process lives. */
export async function lockHolder(file: string): Promise<ProcessId | undefined> {
  for (;;) {
    const last = (await numbers(file)).at(-1);
    if (last === undefined) return undefined;
    const text = await contents(`${file}.${last}`);
    if (text === undefined) continue; // a newer one has come meanwhile
    const holder = JSON.parse(text) as ProcessId;
    return holder.pid > 0 && isAlive(holder) ? holder : undefined;
  }
}

/** Takes the lock, or says who has it. */
export async function takeLock(file: string): Promise<Lock | { heldBy: ProcessId }> {
  for (;;) {
    const last = (await numbers(file)).at(-1) ?? 0;
    const heldBy = await lockHolder(file);
    if (heldBy) return { heldBy };
    const mine = `${file}.${last + 1}`;
    if (!(await make(mine, JSON.stringify(processId(process.pid))))) continue;
    const now = await numbers(file);
    if (now.at(-1) !== last + 1) {
      await rm(mine, { force: true });
      continue;
    }
    for (const older of now.slice(0, -1)) await rm(`${file}.${older}`, { force: true });
    return { release: () => replace(mine, FREE) };
  }
}

async function numbers(file: string): Promise<number[]> {
  const prefix = `${basename(file)}.`;
  let names: string[] = [];
  try {
    names = await readdir(dirname(file));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error; // no directory: nobody ever held it
  }
  return names
    .filter((name) => name.startsWith(prefix))
    .map((name) => name.slice(prefix.length))
    .filter((rest) => /^\d+$/.test(rest))
    .map(Number)
    .sort((a, b) => a - b);
}

const temporary = (file: string): string => join(dirname(file), `.${basename(file)}.${randomBytes(6).toString('hex')}`);

/** Makes a file with its contents in one step; false when it is there already. */
async function make(file: string, text: string): Promise<boolean> {
  const whole = temporary(file);
  await writeFile(whole, text, { mode: 0o600 });
  try {
    await link(whole, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(whole, { force: true });
  }
}

async function replace(file: string, text: string): Promise<void> {
  const whole = temporary(file);
  await writeFile(whole, text, { mode: 0o600 });
  await rename(whole, file);
}

async function contents(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
