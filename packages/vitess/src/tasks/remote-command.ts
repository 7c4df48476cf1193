/**
 * The tasks of the original automation: each runs one command at a vtctld or a vtworker of Vitess up to version 7.
 *
 * Changes: what the command changes. Copies go to shards that serve nobody yet; the migrations move reads and then writes to them.
 * Twice is harmless: copying a schema or rows again finds them there and corrects what differs, and looking is looking. Whether a migration
 * whose answer never came has taken effect is read in the topology before it is sent again; one that stands half-way is finished.
 * Guard: what is migrated may be stopped meanwhile. Whatever comes, the closing finishes the migration or sees that the source serves.
 * vtworker runs one command at a time, and so do we, over the whole fleet.
 */
import type { TaskContext, TaskDefinition } from '@longshore/core';
import { defineTask, GateClosed } from '@longshore/core';
import { z } from 'zod';
import type { VtctlClient, VtworkerClient } from '../client/commands.ts';
import { COMMAND_MS, vtctl, vtworker } from '../client/commands.ts';
import { CommandError, CommandUnanswered, MasterMigrated } from '../errors.ts';
import { endpointTarget } from '../model.ts';
import type { LeafTask, Parameters } from '../plan/leaf-tasks.ts';
import { LEAF_TASKS } from '../plan/leaf-tasks.ts';
import { runCommand } from './command-output.ts';
import { isMaster, migrates, migrationState, openGuard, placeOf, wanted } from './migration.ts';
import { ORIGINAL } from './settings.ts';

type Context = TaskContext<Parameters>;
/** What is known of a command's effect without asking anybody else. */
type Known = 'not run' | 'done';

const COMMAND = 'command';
const BUSY_MS = 5_000;
/** A command, its attempts to be looked up, and a little. */
const DEADLINE_MS = COMMAND_MS + 120_000;

function paramsOf({ required, optional }: LeafTask): z.ZodType<Parameters> {
  return z.strictObject({
    ...Object.fromEntries(required.map((name) => [name, z.string()])),
    ...Object.fromEntries(optional.map((name) => [name, z.string().optional()])),
  }) as unknown as z.ZodType<Parameters>;
}

function connect(context: Context, { program, endpoint }: LeafTask): VtctlClient | VtworkerClient {
  const target = endpointTarget(context.params[endpoint] ?? '');
  return program === 'vtctl' ? context.target(target, vtctl) : context.target(target, vtworker);
}

/** vtworker keeps what it ran last until it is told to forget it. What it says to that is of no interest, errors included. */
async function reset(server: VtctlClient | VtworkerClient): Promise<void> {
  if (server.program !== 'vtworker') return;
  try {
    for await (const _line of server.run(['Reset'], 30_000));
  } catch {
    // The command behind it says what is wrong, if something is.
  }
}

async function run(context: Context, task: LeafTask): Promise<{ output: string; error?: Error }> {
  const { params } = context;
  await using server = connect(context, task);
  const endpoint = params[task.endpoint] ?? '';
  let output = '';
  const send = async (args: string[]): Promise<void> => {
    await reset(server);
    const end = await runCommand(context, server, endpoint, args);
    output += end.output;
    const { failed } = end;
    if (!failed) return;
    if (/worker job is already in progress/.test(failed.message))
      throw new GateClosed('target', `${endpoint} runs another command: ${failed.message}`, BUSY_MS);
    const text = failed.message;
    throw failed.unanswered ? CommandUnanswered({ text }, { cause: failed }) : CommandError({ text }, { cause: failed });
  };
  try {
    if (!task.changes) await send(task.command(params));
    else if (server.program === 'vtctl' && migrates(task)) await migrate(context, server, task, send);
    else {
      let known: Known = 'not run';
      await context.effect<Known>({
        key: COMMAND,
        what: task.command(params).join(' '),
        observe: async () => known,
        wanted: 'done',
        async act() {
          await send(task.command(params));
          known = 'done';
        },
      });
    }
    if (output === '') output = `${task.command(params).join(' ')}: done before, as the topology says\n`;
    return { output };
  } catch (error) {
    if (error instanceof Error && (CommandError.is(error) || CommandUnanswered.is(error))) return { output, error };
    throw error;
  }
}

/** Moves what is served: as the original does it, and where it was sent before, as the topology says that it stands. */
async function migrate(context: Context, server: VtctlClient, task: LeafTask, send: (args: string[]) => Promise<void>): Promise<void> {
  const { params } = context;
  const key = await openGuard(context, server, task);
  const sentBefore = (await context.journal.entries()).some((entry) => entry.key === COMMAND);
  let known: Known | undefined = sentBefore ? undefined : 'not run';
  let commands = [task.command(params)];
  const look = async (): Promise<Known> => {
    const state = await migrationState(server, task, params);
    commands = state.commands;
    return state.place === wanted(params) ? 'done' : 'not run';
  };
  await context.effect<Known>({
    key: COMMAND,
    what: task.command(params).join(' '),
    observe: async () => (known ??= await look()),
    wanted: 'done',
    async act() {
      try {
        for (const command of commands) await send(command);
      } catch (error) {
        // One that was sent before and never answered may have taken effect since it was looked up: this one is refused then.
        if (!sentBefore || !CommandError.is(error) || (await look()) !== 'done') throw error;
      }
      known = 'done';
    },
  });
  await context.guard.close(key);
}

/** Runs a command of the way back; what it says goes into the log. */
async function runBack(context: Context, server: VtctlClient, key: string, args: string[], isSo: () => Promise<boolean>): Promise<void> {
  await context.effect<boolean>({
    key,
    what: args.join(' '),
    observe: isSo,
    wanted: true,
    async act() {
      const { failed } = await runCommand(context, server, context.params.vtctld_endpoint ?? server.address, args);
      if (failed) throw failed.unanswered ? CommandUnanswered({ text: failed.message }) : CommandError({ text: failed.message });
    },
  });
}

async function migrateBack(context: Context, task: LeafTask): Promise<void> {
  const { params } = context;
  await using server = context.target(endpointTarget(params.vtctld_endpoint ?? ''), vtctl);
  // The source gets no writes any more once they were moved: reads sent back to it would find what was.
  const writes = await migrationState(server, task, { ...params, type: 'master', reverse: '', cells: '' });
  if (writes.place !== 'source') throw MasterMigrated({ place: placeOf(task, params) });
  if (isMaster(params)) return;
  const back = { ...params, reverse: params.reverse === 'true' ? '' : 'true' };
  await runBack(
    context,
    server,
    COMMAND,
    task.command(back),
    async () => (await migrationState(server, task, back)).place === wanted(back),
  );
}

const CANCELLED = /is not involved in any overlapping shards|have a 'SourceShards' entry|is not a vertical split target/;

/** Ends what still copies to the destinations. The rows stay there: nobody reads them, and the next clone corrects them. */
async function cancelClone(context: Context, task: LeafTask): Promise<void> {
  const endpoint = (context.operation.params as Parameters).vtctld_endpoint ?? '';
  await using server = context.target(endpointTarget(endpoint), vtctl);
  const args = ['CancelResharding', task.command(context.params).at(-1)!];
  let known: Known = 'not run';
  await context.effect<Known>({
    key: COMMAND,
    what: args.join(' '),
    observe: async () => known,
    wanted: 'done',
    async act() {
      const { failed } = await runCommand(context, server, endpoint, args);
      if (failed && !CANCELLED.test(failed.message))
        throw failed.unanswered ? CommandUnanswered({ text: failed.message }) : CommandError({ text: failed.message });
      known = 'done';
    },
  });
}

function undoOf(task: LeafTask): TaskDefinition<Parameters>['undo'] {
  if (!task.changes) return { none: 'it only looks' };
  if (migrates(task)) return (context) => migrateBack(context, task);
  if (task.name === 'RebuildKeyspaceGraph') return { none: 'it is made again from the shards, as it was before' };
  if (task.name === 'CopySchemaShardTask')
    return { none: 'tables without rows stay on a shard that serves nobody, and are found there the next time' };
  return (context) => cancelClone(context, task);
}

function remoteCommand(task: LeafTask): TaskDefinition<Parameters> {
  return defineTask<Parameters>({
    name: `vitess.${task.name}`,
    role: 'migrator',
    params: paramsOf(task),
    retry: ORIGINAL,
    deadlineMs: DEADLINE_MS,
    targets: (params) => [params[task.endpoint] ?? ''],
    places: (params) => (task.program === 'vtworker' ? [{ name: `vitess/${params[task.endpoint] ?? ''}`, atMost: 1 }] : []),
    final: (params) => (migrates(task) && isMaster(params) ? MasterMigrated({ place: placeOf(task, params) }).message : undefined),
    run: (context) => run(context, task),
    undo: undoOf(task),
  });
}

export const remoteCommands: TaskDefinition[] = LEAF_TASKS.map(remoteCommand) as TaskDefinition[];
