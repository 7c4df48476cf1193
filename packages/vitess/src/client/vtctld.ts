/**
 * vtctld of Vitess 24. Reads are repeated a few times by themselves, changes never. A change whose answer did not come throws
 * `LSH_VITESS_UNKNOWN`, which asks to be left alone until the call can no longer take effect: the deadline travels with it, and what vtctld
 * does for it ends then. Reading tells what came of it.
 *
 * A vtctld that asks a dead tablet does not answer at all (seen: no answer within 20 s), so every call has a deadline.
 */
import type { Clock, Random, RetryPolicy, Target, TargetSystem } from '@longshore/core';
import { retry } from '@longshore/http';
import { z } from 'zod';
import { Connection } from './connection.ts';
import { refusalOf } from './error-text.ts';
import { BadSettings, NodeMissing, NoSuchWorkflow, OutcomeUnknown, Unreachable } from './errors.ts';
import type {
  Alias,
  QueryResult,
  Shard,
  SrvKeyspace,
  SrvVSchema,
  SwitchReply,
  Tablet,
  TabletType,
  ThrottlerCheck,
  ThrottlerStatus,
  VSchema,
  Workflow,
  WorkflowStatus,
} from './messages.ts';
import { rowsOf } from './messages.ts';
import { VTCTLD } from './protocol.ts';
import { isServiceError, isUnanswered } from './status.ts';

/** Settings of a target. */
const settingsOf = z.object({
  readTimeoutMs: z.int().positive().default(10_000),
  /** Creating copies the schema, deleting drops tables: both ask every tablet. */
  changeTimeoutMs: z.int().positive().max(45_000).default(45_000),
  /** After a change that was cut off, until what vtctld was about has ended and is looked up. */
  settleMs: z.int().positive().max(10_000).default(2_000),
});
/** Beyond the time a switch may wait for the targets to catch up. */
const SWITCH_GRACE_MS = 15_000;
const READS: RetryPolicy = { attempts: 3, firstPauseMs: 200, maxPauseMs: 2_000 };
/** What the client of Vitess asks for: no limit. */
const NO_LIMIT = '9223372036854775807';

/** Which workflow: its name, and the keyspace it writes to. */
export interface WorkflowName {
  keyspace: string;
  workflow: string;
}

export interface SwitchOptions {
  tabletTypes: TabletType[];
  direction: 'forward' | 'back';
  /** How long the targets may take to catch up while writes are stopped. */
  timeoutMs: number;
  maxLagSeconds: number;
}

export class VtctldClient implements AsyncDisposable {
  /** The name it was asked for by. */
  readonly server: string;
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #signal: AbortSignal;
  readonly #settings: z.infer<typeof settingsOf>;

  constructor(target: Target, deps: { clock: Clock; random: Random; signal: AbortSignal }) {
    this.server = target.name;
    this.#clock = deps.clock;
    this.#random = deps.random;
    this.#signal = deps.signal;
    const settings = settingsOf.safeParse(target.settings);
    if (!settings.success) throw BadSettings({ target: target.name, problem: z.prettifyError(settings.error).replace(/\s+/g, ' ') });
    this.#settings = settings.data;
    this.#connection = new Connection(target, deps);
  }

  /** `host:port`. */
  get address(): string {
    return this.#connection.address;
  }

  async keyspaces(): Promise<string[]> {
    const { keyspaces } = await this.#read<{ keyspaces: { name: string }[] }>('GetKeyspaces', {}, 'list the keyspaces');
    return keyspaces.map(({ name }) => name);
  }

  async cells(): Promise<string[]> {
    return (await this.#read<{ names: string[] }>('GetCellInfoNames', {}, 'list the cells')).names;
  }

  /** By name; undefined when there is no such keyspace. */
  async shards(keyspace: string): Promise<Record<string, Shard> | undefined> {
    try {
      const what = `read the shards of ${keyspace}`;
      return (await this.#read<{ shards: Record<string, Shard> }>('FindAllShardsInKeyspace', { keyspace }, what)).shards;
    } catch (error) {
      if (NodeMissing.is(error)) return undefined;
      throw error;
    }
  }

  async tablets(keyspace: string): Promise<Tablet[]> {
    return (await this.#read<{ tablets: Tablet[] }>('GetTablets', { keyspace }, `list the tablets of ${keyspace}`)).tablets;
  }

  /** Undefined when the keyspace has none. */
  async vschema(keyspace: string): Promise<VSchema | undefined> {
    try {
      return (
        (await this.#read<{ v_schema: VSchema | null }>('GetVSchema', { keyspace }, `read the vschema of ${keyspace}`)).v_schema ??
        undefined
      );
    } catch (error) {
      if (NodeMissing.is(error)) return undefined;
      throw error;
    }
  }

  /** What is served from where, by cell. */
  async served(keyspace: string): Promise<Record<string, SrvKeyspace>> {
    const what = `read what ${keyspace} serves from where`;
    return (await this.#read<{ srv_keyspaces: Record<string, SrvKeyspace> }>('GetSrvKeyspaces', { keyspace }, what)).srv_keyspaces;
  }

  async routes(cell: string): Promise<SrvVSchema | undefined> {
    const what = `read the routing rules in ${cell}`;
    return (await this.#read<{ srv_v_schema: SrvVSchema | null }>('GetSrvVSchema', { cell }, what)).srv_v_schema ?? undefined;
  }

  /** Every workflow that writes to the keyspace, with lag and errors. */
  async workflows(keyspace: string, workflow = ''): Promise<Workflow[]> {
    const what = `read the workflows of ${keyspace}`;
    return (await this.#read<{ workflows: Workflow[] }>('GetWorkflows', { keyspace, workflow }, what)).workflows;
  }

  /** Copy and traffic of one workflow; undefined when there is none of that name. */
  async status({ keyspace, workflow }: WorkflowName): Promise<WorkflowStatus | undefined> {
    try {
      return await this.#read<WorkflowStatus>('WorkflowStatus', { keyspace, workflow }, `read the workflow ${workflow}`);
    } catch (error) {
      if (NoSuchWorkflow.is(error)) return undefined;
      throw error;
    }
  }

  /** Names of the tables a tablet has. */
  async tables(tablet: Alias): Promise<string[]> {
    const request = { tablet_alias: tablet, table_names_only: true };
    const reply = await this.#read<{ schema: { table_definitions: { name: string }[] } | null }>(
      'GetSchema',
      request,
      'list the tables of a tablet',
    );
    return (reply.schema?.table_definitions ?? []).map(({ name }) => name);
  }

  /** Whether a table has a row. */
  async hasRows(tablet: Alias, table: string): Promise<boolean> {
    const request = { tablet_alias: tablet, query: `select 1 from ${quoted(table)} limit 1`, max_rows: '1' };
    const { result } = await this.#read<{ result: QueryResult | null }>('ExecuteFetchAsDBA', request, `look whether ${table} is empty`);
    return rowsOf(result).length > 0;
  }

  async throttler(tablet: Alias): Promise<ThrottlerStatus> {
    const reply = await this.#read<{ status: ThrottlerStatus | null }>(
      'GetThrottlerStatus',
      { tablet_alias: tablet },
      'read the throttler',
    );
    return reply.status ?? { is_enabled: false, is_open: false, default_threshold: 0, metric_thresholds: {}, throttled_apps: {} };
  }

  /** The load as the throttler of a tablet sees it over its shard. Asking counts as a check of the app `longshore`. */
  async load(tablet: Alias): Promise<ThrottlerCheck | undefined> {
    const request = { tablet_alias: tablet, app_name: 'longshore', scope: 'shard', skip_request_heartbeats: true, ok_if_not_exists: true };
    const reply = await this.#read<{ Check: ThrottlerCheck | null }>('CheckThrottler', request, 'ask the throttler for the load');
    return reply.Check ?? undefined;
  }

  async enableThrottler(keyspace: string, enabled: boolean): Promise<void> {
    const request = enabled ? { keyspace, enable: true } : { keyspace, disable: true };
    await this.#change(
      'UpdateThrottlerConfig',
      request,
      `switch the throttler of ${keyspace} ${enabled ? 'on' : 'off'}`,
      this.#settings.changeTimeoutMs,
    );
  }

  /** `ratio` of the copying's requests are refused, 0 to 1; it lapses by itself at `expiresAtMs`. */
  async throttleCopy(keyspace: string, ratio: number, expiresAtMs: number): Promise<void> {
    const seconds = String(Math.floor(expiresAtMs / 1_000));
    const request = { keyspace, throttled_app: { name: 'vreplication', ratio, expires_at: { seconds, nanoseconds: 0 }, exempt: false } };
    await this.#change(
      'UpdateThrottlerConfig',
      request,
      `throttle the copying in ${keyspace} to ${1 - ratio}`,
      this.#settings.changeTimeoutMs,
    );
  }

  async createReshard({ keyspace, workflow }: WorkflowName, sourceShards: string[], targetShards: string[]): Promise<void> {
    const request = {
      workflow,
      keyspace,
      source_shards: sourceShards,
      target_shards: targetShards,
      tablet_types: ['REPLICA', 'PRIMARY'],
      tablet_selection_preference: 'INORDER',
      on_ddl: 'IGNORE',
      defer_secondary_keys: true,
      auto_start: true,
    };
    await this.#change('ReshardCreate', request, `create the workflow ${workflow}`, this.#settings.changeTimeoutMs);
  }

  async createMoveTables({ keyspace, workflow }: WorkflowName, sourceKeyspace: string, tables: string[] | 'all'): Promise<void> {
    const request = {
      workflow,
      source_keyspace: sourceKeyspace,
      target_keyspace: keyspace,
      tablet_types: ['REPLICA', 'PRIMARY'],
      tablet_selection_preference: 'INORDER',
      ...(tables === 'all' ? { all_tables: true } : { include_tables: tables }),
      on_ddl: 'IGNORE',
      defer_secondary_keys: true,
      auto_start: true,
    };
    await this.#change('MoveTablesCreate', request, `create the workflow ${workflow}`, this.#settings.changeTimeoutMs);
  }

  async startStreams({ keyspace, workflow }: WorkflowName): Promise<void> {
    const request = { keyspace, tablet_request: { workflow, state: 'Running' } };
    await this.#change('WorkflowUpdate', request, `start the streams of ${workflow}`, this.#settings.changeTimeoutMs);
  }

  async createDiff({ keyspace, workflow }: WorkflowName, uuid: string, tables: string[] = []): Promise<void> {
    const request = {
      workflow,
      target_keyspace: keyspace,
      uuid,
      tablet_types: ['RDONLY', 'REPLICA', 'PRIMARY'],
      tablet_selection_preference: 'INORDER',
      tables,
      limit: NO_LIMIT,
      filtered_replication_wait_time: { seconds: '30', nanos: 0 },
      max_extra_rows_to_compare: '1000',
      auto_retry: true,
      max_report_sample_rows: '10',
    };
    await this.#change('VDiffCreate', request, `begin the comparison ${uuid}`, this.#settings.changeTimeoutMs);
  }

  /** A row for each table, by shard; empty where there is no such comparison. */
  async diff({ keyspace, workflow }: WorkflowName, uuid: string): Promise<Record<string, Record<string, string | null>[]>> {
    const request = { workflow, target_keyspace: keyspace, arg: uuid };
    const reply = await this.#read<{ tablet_responses: Record<string, { output: QueryResult | null }> }>(
      'VDiffShow',
      request,
      `read the comparison ${uuid}`,
    );
    return Object.fromEntries(Object.entries(reply.tablet_responses).map(([shard, { output }]) => [shard, rowsOf(output)]));
  }

  async deleteDiffs({ keyspace, workflow }: WorkflowName): Promise<void> {
    await this.#change(
      'VDiffDelete',
      { workflow, target_keyspace: keyspace, arg: 'all' },
      `delete the comparisons of ${workflow}`,
      this.#settings.changeTimeoutMs,
    );
  }

  async switchTraffic({ keyspace, workflow }: WorkflowName, options: SwitchOptions): Promise<SwitchReply> {
    const { tabletTypes, direction, timeoutMs, maxLagSeconds } = options;
    const seconds = (ms: number): { seconds: string; nanos: number } => ({
      seconds: String(Math.floor(ms / 1_000)),
      nanos: (ms % 1_000) * 1_000_000,
    });
    const request = {
      keyspace,
      workflow,
      tablet_types: tabletTypes,
      max_replication_lag_allowed: { seconds: String(maxLagSeconds), nanos: 0 },
      enable_reverse_replication: true,
      direction: direction === 'forward' ? 0 : 1,
      timeout: seconds(timeoutMs),
    };
    const what = `switch ${tabletTypes.join(' and ')} of ${workflow}${direction === 'back' ? ' back' : ''}`;
    return this.#change<SwitchReply>('WorkflowSwitchTraffic', request, what, timeoutMs + SWITCH_GRACE_MS);
  }

  /** Ends the workflow for good. For a reshard it deletes the source shards and their tablet records from the topology. */
  async complete({ keyspace, workflow }: WorkflowName): Promise<void> {
    await this.#change(
      'MoveTablesComplete',
      { workflow, target_keyspace: keyspace },
      `complete ${workflow}`,
      this.#settings.changeTimeoutMs,
    );
  }

  /** Drops what was copied. Reads must have been switched back before: it leaves them on the emptied targets. */
  async deleteWorkflow({ keyspace, workflow }: WorkflowName): Promise<void> {
    await this.#change('WorkflowDelete', { keyspace, workflow }, `delete the workflow ${workflow}`, this.#settings.changeTimeoutMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection[Symbol.asyncDispose]();
  }

  #read<Reply>(method: string, request: object, what: string): Promise<Reply> {
    const once = async (): Promise<Reply> => {
      try {
        return await this.#connection.unary<Reply>(VTCTLD[method]!, request, this.#settings.readTimeoutMs);
      } catch (error) {
        if (!isServiceError(error) || this.#signal.aborted) throw error;
        if (isUnanswered(error)) throw Unreachable({ what, server: this.server, answer: error.details }, { cause: error });
        throw refusalOf(error.details, { what, server: this.server });
      }
    };
    return retry(READS, this.#clock, this.#random, once, { signal: this.#signal });
  }

  async #change<Reply>(method: string, request: object, what: string, deadlineMs: number): Promise<Reply> {
    try {
      return await this.#connection.unary<Reply>(VTCTLD[method]!, request, deadlineMs);
    } catch (error) {
      if (!isServiceError(error) || this.#signal.aborted) throw error;
      if (!isUnanswered(error)) throw refusalOf(error.details, { what, server: this.server });
      throw OutcomeUnknown({ what, server: this.server, answer: error.details }, { cause: error, retryAfterMs: this.#settings.settleMs });
    }
  }
}

/** A MySQL name in backquotes. */
function quoted(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

export const vtctld: TargetSystem<VtctldClient> = { system: 'vitess', connect: (target, deps) => new VtctldClient(target, deps) };
