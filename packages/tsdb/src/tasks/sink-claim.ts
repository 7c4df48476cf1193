/**
 * One dump goes into one sink: its folders keep account of what that sink has acknowledged. Which one it is stands in a small file beside them,
 * from the moment in which the first of them may send something, so that a restore that is refused before that leaves no trace.
 */
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Json, TaskContext } from '@longshore/core';
import type { Spool } from '@longshore/spool';
import { openSpool } from '@longshore/spool';
import { OtherSink } from '../errors.ts';
import { batchPlanOf } from '../plan/batches.ts';
import { renamingText } from '../plan/renaming.ts';
import type { Writing } from './writing.ts';

type Claimed = Pick<Writing, 'sink' | 'via'>;

const claimPath = (spool: Spool, from: string): string => join(spool.root, from, 'sink');

/** The sink, and what else must be the same when part of a dump has been sent already. */
function claimText(plan: Json, { sink, via }: Claimed): string {
  const { renaming } = batchPlanOf(plan);
  const form = via === 'lines' || via === 'text' ? `, as ${via}` : '';
  return `${sink}${form}${renaming === undefined ? '' : `, with other names (${renamingText(renaming)})`}`;
}

async function claimBefore(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Throws LSH_TSDB_OTHER_SINK when part of the dump has gone elsewhere. Changes nothing. True: part of it has gone into this one. */
export async function checkClaim(spool: Spool, from: string, plan: Json, claimed: Claimed): Promise<boolean> {
  const now = claimText(plan, claimed);
  const before = await claimBefore(claimPath(spool, from));
  if (before !== undefined && before !== now) throw OtherSink({ from, before, now });
  return before !== undefined;
}

/** Before the first byte of a dump's batch is sent; of an operation's own folders nothing is written. */
export async function claimSink(
  context: Pick<TaskContext<unknown>, 'plan' | 'spool' | 'operation' | 'generation' | 'task'>,
  from: string,
  claimed: Claimed,
): Promise<void> {
  const { plan, operation, generation, task } = context;
  if (from === operation.id) return;
  const spool = await openSpool(context.spool());
  if (await checkClaim(spool, from, plan, claimed)) return;
  const path = claimPath(spool, from);
  // Whole before it has its name: a worker killed in between must not leave a claim that says nothing.
  const draft = `${path}.${operation.id}-${task.id}-${generation}`;
  await writeFile(draft, claimText(plan, claimed));
  try {
    await link(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    await checkClaim(spool, from, plan, claimed);
  } finally {
    await rm(draft, { force: true });
  }
}
