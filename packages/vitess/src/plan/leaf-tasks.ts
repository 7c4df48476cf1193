/**
 * The tasks of the original automation that run one command at a server, as data: what they take, where they send it, and the command. Names,
 * the order of parameters and flags are the original's; a flag is sent for a parameter that is not empty. Pure.
 */
import type { Program } from '../model.ts';

export type Parameters = Readonly<Record<string, string>>;

export interface LeafTask {
  name: string;
  required: readonly string[];
  optional: readonly string[];
  program: Program;
  /** The parameter that holds the address of the server. */
  endpoint: 'vtctld_endpoint' | 'vtworker_endpoint';
  command(parameters: Parameters): string[];
  /** It changes the topology or the data; else it only looks. */
  changes: boolean;
}

const flags = (parameters: Parameters, names: readonly string[]): string[] =>
  names.flatMap((name) => (parameters[name] ? [`--${name}=${parameters[name]}`] : []));

const place = (parameters: Parameters, keyspace: string, shard: string): string => `${parameters[keyspace]}/${parameters[shard]}`;

const vtctl = { program: 'vtctl', endpoint: 'vtctld_endpoint' } as const;
const vtworker = { program: 'vtworker', endpoint: 'vtworker_endpoint' } as const;

const COPYING = [
  'chunk_count',
  'min_rows_per_chunk',
  'write_query_max_rows',
  'write_query_max_size',
  'min_healthy_rdonly_tablets',
  'max_tps',
  'max_replication_lag',
];
const CLONE = ['online', 'offline', 'exclude_tables', ...COPYING];
const VERTICAL_CLONE = ['online', 'offline', ...COPYING];
const DIFF = ['exclude_tables', 'min_healthy_rdonly_tablets'];
const VERTICAL_DIFF = ['min_healthy_rdonly_tablets'];
const TABLES = ['tables', 'exclude_tables'];
const MIGRATE = ['cells', 'reverse'];

export const LEAF_TASKS: readonly LeafTask[] = [
  {
    ...vtctl,
    name: 'CopySchemaShardTask',
    required: ['source_keyspace_and_shard', 'dest_keyspace_and_shard', 'vtctld_endpoint'],
    optional: TABLES,
    changes: true,
    command: (given) => ['CopySchemaShard', ...flags(given, TABLES), given.source_keyspace_and_shard!, given.dest_keyspace_and_shard!],
  },
  {
    ...vtworker,
    name: 'SplitCloneTask',
    required: ['keyspace', 'source_shard', 'vtworker_endpoint'],
    optional: CLONE,
    changes: true,
    command: (given) => ['SplitClone', ...flags(given, CLONE), place(given, 'keyspace', 'source_shard')],
  },
  {
    ...vtworker,
    name: 'SplitDiffTask',
    required: ['keyspace', 'dest_shard', 'vtworker_endpoint'],
    optional: DIFF,
    changes: false,
    command: (given) => ['SplitDiff', ...flags(given, DIFF), place(given, 'keyspace', 'dest_shard')],
  },
  {
    ...vtworker,
    name: 'VerticalSplitCloneTask',
    required: ['dest_keyspace', 'shard', 'tables', 'vtworker_endpoint'],
    optional: VERTICAL_CLONE,
    changes: true,
    command: (given) => [
      'VerticalSplitClone',
      `--tables=${given.tables}`,
      ...flags(given, VERTICAL_CLONE),
      place(given, 'dest_keyspace', 'shard'),
    ],
  },
  {
    ...vtworker,
    name: 'VerticalSplitDiffTask',
    required: ['dest_keyspace', 'shard', 'vtworker_endpoint'],
    optional: VERTICAL_DIFF,
    changes: false,
    command: (given) => ['VerticalSplitDiff', ...flags(given, VERTICAL_DIFF), place(given, 'dest_keyspace', 'shard')],
  },
  {
    ...vtctl,
    name: 'WaitForFilteredReplicationTask',
    required: ['keyspace', 'shard', 'max_delay', 'vtctld_endpoint'],
    optional: [],
    changes: false,
    // Two words, not `--max_delay=`.
    command: (given) => ['WaitForFilteredReplication', '-max_delay', given.max_delay!, place(given, 'keyspace', 'shard')],
  },
  {
    ...vtctl,
    name: 'MigrateServedTypesTask',
    required: ['keyspace', 'source_shard', 'type', 'vtctld_endpoint'],
    optional: MIGRATE,
    changes: true,
    command: (given) => ['MigrateServedTypes', ...flags(given, MIGRATE), place(given, 'keyspace', 'source_shard'), given.type!],
  },
  {
    ...vtctl,
    name: 'MigrateServedFromTask',
    required: ['dest_keyspace', 'shard', 'type', 'vtctld_endpoint'],
    optional: MIGRATE,
    changes: true,
    command: (given) => ['MigrateServedFrom', ...flags(given, MIGRATE), place(given, 'dest_keyspace', 'shard'), given.type!],
  },
  {
    ...vtctl,
    name: 'RebuildKeyspaceGraph',
    required: ['keyspace', 'vtctld_endpoint'],
    optional: ['cells'],
    changes: true,
    command: (given) => ['RebuildKeyspaceGraph', ...flags(given, ['cells']), given.keyspace!],
  },
];

/** What the original says of parameters that a task does not take, or lacks; undefined when they are right. An empty one counts as there. */
export function parameterProblem({ required, optional }: Pick<LeafTask, 'required' | 'optional'>, given: Parameters): string | undefined {
  const missing = required.filter((name) => !Object.hasOwn(given, name));
  if (missing.length > 0) return `required parameters are missing: [${missing.join(' ')}]`;
  const unknown = Object.keys(given).find((name) => !required.includes(name) && !optional.includes(name));
  if (unknown === undefined) return undefined;
  return `parameter ${unknown} is not allowed. Allowed required parameters: [${required.join(' ')}] optional parameters: [${optional.join(' ')}]`;
}
