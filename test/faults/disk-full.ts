/** A spool on a small file system that somebody else fills up and empties again, several times in one migration. */
import { execFile, execFileSync } from 'node:child_process';
import { mkdir, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type Case, QUERY, secondsSince } from './case.ts';
import { judge } from './verdict.ts';
import { openWorld } from './world.ts';

const run = promisify(execFile);
const SIZE_BYTES = 400 << 20;
const TIMES = 4;
/** Left free by the filler, so that dumps end in the middle of a write and not only before it. */
const LEFT_BYTES = 200_000;
const FULL_MS = 7_000;
const SLOW_MS = 150;

export const diskFull: Case = async (context) => {
  const { dir, source, say } = context;
  const spoolPath = join(dir, 'small');
  await mkdir(spoolPath);
  await run('mount', ['-t', 'tmpfs', '-o', `size=${SIZE_BYTES}`, 'tmpfs', spoolPath]);
  const atExit = (): void => void execFileSync('umount', ['--lazy', spoolPath]);
  process.on('exit', atExit);
  try {
    await source.add({ match: QUERY, effect: { kind: 'delay', ms: SLOW_MS } });
    await using world = await openWorld({ ...context, spoolPath });
    const begun = Date.now();
    const id = await world.submit();
    const filler = join(spoolPath, 'FILLER');
    const gates = new Set<string>();
    let full = 0;
    for (let time = 0; time < TIMES; time += 1) {
      const before = (await world.fleet.store.header(id))?.counters.points ?? 0;
      const header = await world.until(
        id,
        'dumps at work',
        ({ counters, endedAt }) => (counters.points ?? 0) > before || endedAt !== undefined,
      );
      if (header.endedAt !== undefined) break;
      await fill(filler, spoolPath);
      full += 1;
      const until = Date.now() + FULL_MS;
      while (Date.now() < until) {
        for (const { gate } of (await world.fleet.service.get(id)).tasks) if (gate?.gate === 'space') gates.add(gate.reason);
        await pause(100);
      }
      await rm(filler);
      say(`filled and emptied after ${secondsSince(begun)} s`);
    }
    const header = await world.ended(id);
    const { problems } = await judge(world, header, { namedDoubles: false });
    if (gates.size === 0) problems.push('the space gate never closed');
    return { problems, figures: { 'times full': full, 'reasons told': gates.size, seconds: secondsSince(begun) } };
  } finally {
    process.off('exit', atExit);
    await run('umount', [spoolPath]);
  }
};

/** Takes what is free, but for a little; dumps that are quicker may have taken part of it meanwhile. */
async function fill(filler: string, spoolPath: string): Promise<void> {
  const { bavail, bsize } = await statfs(spoolPath);
  try {
    await writeFile(filler, Buffer.alloc(Math.max(0, bavail * bsize - LEFT_BYTES)));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  }
}
