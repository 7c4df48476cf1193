/**
 * What the original's two operations do: containers of tasks that run one after another. Lists are split at commas and not trimmed, as there;
 * an optional parameter that was not given is carried on as an empty one. Pure.
 */
import type { Parameters } from './leaf-tasks.ts';

export interface LegacyTask {
  /** Without the system's name: `SplitCloneTask`. */
  name: string;
  parameters: Record<string, string>;
  /** Shard that it is about. */
  shard: string;
}

export interface Container {
  /** Its phase: `clone`. */
  name: string;
  title: string;
  tasks: LegacyTask[];
  /** Asked of a person before traffic is moved. */
  approval?: string;
}

export interface LegacyOperation {
  /** As it is registered in the automation. */
  name: string;
  kind: string;
  required: readonly string[];
  optional: readonly string[];
  containers(parameters: Parameters): Container[];
}

const MAX_DELAY = '30s';
const TYPES = ['rdonly', 'replica', 'master'] as const;

function list(text: string | undefined): string[] {
  return (text ?? '').split(',');
}

function migrate(type: string, place: (shard: string) => string, task: (shard: string) => LegacyTask, shards: string[]): Container {
  const word = type === 'master' ? 'writes (master)' : `${type} reads`;
  return {
    name: `migrate-${type}`,
    title: `move ${word} to the destination`,
    approval: `move ${word} of ${shards.map(place).join(', ')} to the destination${type === 'master' ? '; there is no way back from it' : ''}`,
    tasks: shards.map(task),
  };
}

const horizontal: LegacyOperation = {
  name: 'HorizontalReshardingTask',
  kind: 'vitess.horizontal-resharding',
  required: ['keyspace', 'source_shard_list', 'dest_shard_list', 'vtctld_endpoint', 'vtworker_endpoint'],
  optional: ['exclude_tables', 'min_healthy_rdonly_tablets'],
  containers(given) {
    const { keyspace = '', vtctld_endpoint = '', vtworker_endpoint = '' } = given;
    const { exclude_tables = '', min_healthy_rdonly_tablets = '' } = given;
    const sources = list(given.source_shard_list);
    const destinations = list(given.dest_shard_list);
    const place = (shard: string): string => `${keyspace}/${shard}`;
    return [
      {
        name: 'copy-schema',
        title: 'copy the schema to the destination shards',
        tasks: destinations.map((shard) => ({
          name: 'CopySchemaShardTask',
          shard,
          // Of the first source, however many there are.
          parameters: {
            source_keyspace_and_shard: place(sources[0]!),
            dest_keyspace_and_shard: place(shard),
            exclude_tables,
            vtctld_endpoint,
          },
        })),
      },
      {
        name: 'clone',
        title: 'copy the rows',
        tasks: sources.map((shard) => ({
          name: 'SplitCloneTask',
          shard,
          parameters: { keyspace, source_shard: shard, vtworker_endpoint, exclude_tables, min_healthy_rdonly_tablets },
        })),
      },
      {
        name: 'wait-for-filtered-replication',
        title: 'wait until the destination shards are hardly behind',
        tasks: destinations.map((shard) => ({
          name: 'WaitForFilteredReplicationTask',
          shard,
          parameters: { keyspace, shard, max_delay: MAX_DELAY, vtctld_endpoint },
        })),
      },
      ...destinations.map((shard) => ({
        name: `diff-${shard}`,
        title: `compare ${place(shard)} with its source`,
        tasks: [
          {
            name: 'SplitDiffTask',
            shard,
            parameters: { keyspace, dest_shard: shard, vtworker_endpoint, exclude_tables, min_healthy_rdonly_tablets },
          },
        ],
      })),
      ...TYPES.map((type) =>
        migrate(
          type,
          place,
          (shard) => ({ name: 'MigrateServedTypesTask', shard, parameters: { keyspace, source_shard: shard, type, vtctld_endpoint } }),
          sources,
        ),
      ),
    ];
  },
};

const vertical: LegacyOperation = {
  name: 'VerticalSplitTask',
  kind: 'vitess.vertical-split',
  required: ['source_keyspace', 'dest_keyspace', 'shard_list', 'tables', 'vtctld_endpoint', 'vtworker_endpoint'],
  optional: ['min_healthy_rdonly_tablets'],
  containers(given) {
    const { source_keyspace = '', dest_keyspace = '', tables = '', vtctld_endpoint = '', vtworker_endpoint = '' } = given;
    const { min_healthy_rdonly_tablets = '' } = given;
    const shards = list(given.shard_list);
    const place = (shard: string): string => `${dest_keyspace}/${shard}`;
    return [
      {
        name: 'copy-schema',
        title: 'copy the schema to the destination keyspace',
        tasks: shards.map((shard) => ({
          name: 'CopySchemaShardTask',
          shard,
          parameters: {
            source_keyspace_and_shard: `${source_keyspace}/${shard}`,
            dest_keyspace_and_shard: place(shard),
            tables,
            vtctld_endpoint,
          },
        })),
      },
      {
        name: 'clone',
        title: 'copy the rows',
        tasks: shards.map((shard) => ({
          name: 'VerticalSplitCloneTask',
          shard,
          parameters: { dest_keyspace, shard, tables, vtworker_endpoint, min_healthy_rdonly_tablets },
        })),
      },
      {
        name: 'wait-for-filtered-replication',
        title: 'wait until the destination keyspace is hardly behind',
        tasks: shards.map((shard) => ({
          name: 'WaitForFilteredReplicationTask',
          shard,
          parameters: { keyspace: dest_keyspace, shard, max_delay: MAX_DELAY, vtctld_endpoint },
        })),
      },
      ...shards.map((shard) => ({
        name: `diff-${shard}`,
        title: `compare ${place(shard)} with its source`,
        tasks: [
          { name: 'VerticalSplitDiffTask', shard, parameters: { dest_keyspace, shard, vtworker_endpoint, min_healthy_rdonly_tablets } },
        ],
      })),
      ...TYPES.map((type) =>
        migrate(
          type,
          place,
          (shard) => ({ name: 'MigrateServedFromTask', shard, parameters: { dest_keyspace, shard, type, vtctld_endpoint } }),
          shards,
        ),
      ),
    ];
  },
};

/** By the name under which the automation knows them; leaf tasks cannot be enqueued by themselves. */
export const LEGACY_OPERATIONS: readonly LegacyOperation[] = [horizontal, vertical];
