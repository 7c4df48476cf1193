/** Migrations of what is served, of Vitess up to 7: where they stand, and the guard around them. */
import type { Json, TaskContext } from '@longshore/core';
import type { VtctlClient } from '../client/commands.ts';
import { controlledShard, recordedFrom, servedInCells } from '../client/legacy-topology.ts';
import { leaseTarget, stoppedKey } from '../model.ts';
import type { LeafTask, Parameters } from '../plan/leaf-tasks.ts';
import type { MigrationState } from '../plan/migration.ts';
import { servedFromState, servedTypesState } from '../plan/migration.ts';

/**
 * vtctld gives the destinations 30 s to catch up before it moves writes, and lets what was read before drain for 15 s. After this whatever stands
 * half-way is brought to an end by the closing of the guard.
 */
const MAX_STOP_MS = 180_000;

export const migrates = ({ name }: Pick<LeafTask, 'name'>): boolean => name.startsWith('MigrateServed');
export const isMaster = ({ type }: Parameters): boolean => type === 'master';
/** The shard a migration is asked of: of the source where a keyspace is resharded, of the destination where tables move. */
export const placeOf = (task: LeafTask, given: Parameters): string => task.command(given).at(-2) ?? '';

/** Where what `given` asks for stands; `reverse` and all. */
export async function migrationState(server: VtctlClient, task: LeafTask, given: Parameters): Promise<MigrationState> {
  const { type = '' } = given;
  const cells = (given.cells ?? '').split(',').filter(Boolean);
  const command = task.command(given);
  if (task.name === 'MigrateServedTypesTask') {
    const { keyspace = '', source_shard: shard = '' } = given;
    const served = await servedInCells(server, keyspace, type, cells);
    return servedTypesState(served, shard, isMaster(given) ? await controlledShard(server, keyspace, shard) : undefined, command);
  }
  const { dest_keyspace: keyspace = '', shard = '' } = given;
  const recorded = await recordedFrom(server, keyspace, type);
  const inGraph = (await servedInCells(server, keyspace, type, cells)).find(({ from }) => from !== undefined)?.from;
  const from = recorded ?? inGraph;
  const denied = from !== undefined && (await controlledShard(server, from, shard)).denied.includes(type);
  const { sourceUids } = await controlledShard(server, keyspace, shard);
  const seen = { keyspace, shard, type, recorded: recorded !== undefined, inGraph: inGraph !== undefined, denied, sourceUids };
  return servedFromState(seen, command, given.reverse === 'true');
}

export const wanted = (given: Parameters): MigrationState['place'] => (given.reverse === 'true' ? 'source' : 'destination');

/** Clients may get no answer from here on; who finishes that, whatever becomes of the operation, is told before. */
export async function openGuard(context: TaskContext<Parameters>, server: VtctlClient, task: LeafTask): Promise<string> {
  const { params } = context;
  const { type = '' } = params;
  const key = stoppedKey(placeOf(task, params), type);
  await context.guard.open({
    key,
    what: `${isMaster(params) ? 'writes' : `${type} reads`} of ${placeOf(task, params)} may be stopped by their migration`,
    target: leaseTarget(server.address),
    before: 'allowed',
    after: 'moved',
    maxMs: MAX_STOP_MS,
    close: { task: 'vitess.settle-migration', params: { task: task.name, given: params, guard: key } as Json },
  });
  return key;
}
