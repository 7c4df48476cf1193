/**
 * vtctld of Vitess 24 over a cluster in memory, with what was seen of the real one: it answers a create before anything runs, lets reads be
 * switched to shards that hold nothing, leaves reads where they are when a workflow is deleted, takes a comparison for advice, says every error
 * with code 2, and does not answer at all while it waits for a dead tablet.
 */
import type { ServerUnaryCall, sendUnaryData } from '@grpc/grpc-js';
import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import type { CallFault } from './call-faults.ts';
import { CallFaults, LOST } from './call-faults.ts';
import type { Cluster } from './cluster.ts';
import { diffRows } from './diff.ts';
import * as shown from './shown.ts';
import type { WorkflowType } from './streams.ts';
import { Workflow } from './streams.ts';
import type { KeyspaceState, ServedType, ShardState } from './topology.ts';
import type { SwitchPoint } from './traffic-switch.ts';
import { isSwitched, switchTraffic, trafficState } from './traffic-switch.ts';
import { VTCTLD, VTGATE } from './wire.ts';

export interface VtctldStandIn extends AsyncDisposable {
  readonly port: number;
  /** `grpc://127.0.0.1:port`. */
  readonly address: string;
  readonly faults: CallFaults;
  /** Makes the next switch of writes fail there. */
  failSwitch(point: SwitchPoint): void;
  /** Methods that were called, with their requests, oldest first. */
  readonly calls: { method: string; request: Fields }[];
  close(): Promise<void>;
}

export type Fields = { [key: string]: unknown };
interface Name extends Fields {
  keyspace: string;
  workflow: string;
  target_keyspace: string;
}

/** A vtctld that waits for a tablet which will never answer. */
const SILENCE = Symbol('no answer');

function streamsExist(): never {
  const text = 'some streams already exist in the target shards, please clean them up and retry the command';
  throw new Error(`buildResharder: validateTargets: ${text}\n${text}`);
}

class Vtctld {
  readonly calls: { method: string; request: Fields }[] = [];
  readonly faults: CallFaults = new CallFaults();
  readonly #cluster: Cluster;
  readonly #failing: SwitchPoint[] = [];

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  failSwitch(point: SwitchPoint): void {
    this.#failing.push(point);
  }

  async call(method: string, request: Fields): Promise<object | typeof SILENCE> {
    this.calls.push({ method, request });
    const fault = this.faults.strike(method);
    if (fault) return this.#faulty(fault, method, request);
    return this.#run(method, request);
  }

  async #faulty(fault: CallFault, method: string, request: Fields): Promise<object | typeof SILENCE> {
    if (fault.kind === 'hang') return SILENCE;
    if (fault.kind === 'refuse') throw new Error(fault.details);
    if (fault.kind === 'lost-after') await this.#run(method, request);
    if (fault.kind === 'late') {
      const { clock } = this.#cluster;
      void clock
        .sleep(fault.landsAfterMs)
        .then(() => this.#run(method, request))
        .catch(() => undefined);
    }
    throw Object.assign(new Error(LOST.details), { code: LOST.code });
  }

  async #run(method: string, request: Fields): Promise<object | typeof SILENCE> {
    const handler = this.#methods[method];
    if (!handler) throw Object.assign(new Error(`unknown method ${method}`), { code: status.UNIMPLEMENTED });
    return handler(request);
  }

  readonly #methods: Record<string, (request: Fields) => Promise<object | typeof SILENCE> | object | typeof SILENCE> = {
    GetKeyspaces: () => ({ keyspaces: [...this.#topology.keyspaces.keys()].map((name) => ({ name, keyspace: {} })) }),
    GetCellInfoNames: () => ({ names: this.#topology.cells }),
    FindAllShardsInKeyspace: ({ keyspace }) => ({ shards: shown.shards(this.#keyspace(keyspace)) }),
    GetTablets: ({ keyspace }) => ({ tablets: shown.tablets(this.#keyspace(keyspace)) }),
    GetVSchema: ({ keyspace }) => ({ v_schema: shown.vschema(this.#keyspace(keyspace)) }),
    GetSrvKeyspaces: ({ keyspace }) => ({ srv_keyspaces: shown.served(this.#keyspace(keyspace), this.#topology.cells) }),
    GetSrvVSchema: () => ({ srv_v_schema: shown.routes(this.#topology) }),
    GetSchema: ({ tablet_alias }) => ({
      schema: { table_definitions: [...this.#tablet(tablet_alias).tables.keys()].map((name) => ({ name })) },
    }),
    ExecuteFetchAsDBA: ({ tablet_alias, query }) => this.#fetch(this.#tablet(tablet_alias), String(query)),
    GetThrottlerStatus: ({ tablet_alias }) => ({ status: shown.throttler(this.#topology.keyspace(this.#tablet(tablet_alias).keyspace)) }),
    CheckThrottler: ({ tablet_alias }) => ({ Check: this.#load(this.#tablet(tablet_alias)) }),
    UpdateThrottlerConfig: (request) => this.#throttle(request),
    ReshardCreate: (request) => this.#reshard(request),
    MoveTablesCreate: (request) => this.#moveTables(request),
    WorkflowStatus: (request) => this.#asked(request as Name, (workflow) => this.#status(workflow)),
    GetWorkflows: ({ keyspace, workflow }) => ({
      workflows: this.#cluster.workflows.all
        .filter((one) => one.target.name === keyspace && (workflow === '' || one.name === workflow))
        .map((one) => shown.workflow(one, this.#cluster.clock.now())),
    }),
    WorkflowUpdate: (request) => this.#update(request),
    WorkflowSwitchTraffic: (request) => this.#asked(request as Name, (workflow) => this.#switch(workflow, request)),
    VDiffCreate: (request) => this.#diff(request as Name),
    VDiffShow: (request) => this.#showDiff(request as Name),
    VDiffDelete: (request) => {
      this.#workflow(request as Name).diffs.clear();
      return {};
    },
    MoveTablesComplete: (request) => this.#complete(request as Name),
    WorkflowDelete: (request) => this.#asked(request as Name, (workflow) => this.#delete(workflow)),
  };

  get #topology(): Cluster['topology'] {
    return this.#cluster.topology;
  }

  #keyspace(name: unknown): KeyspaceState {
    return this.#topology.keyspace(String(name));
  }

  #tablet(alias: unknown): ShardState {
    const tablet = this.#topology.tablet(alias as { uid: number } | null);
    return this.#topology.shard(tablet.keyspace, tablet.shard);
  }

  #workflow({ keyspace, target_keyspace, workflow }: Name): Workflow {
    return this.#cluster.workflows.get(keyspace || target_keyspace, workflow);
  }

  /** Every tablet of the workflow is asked. */
  async #asked(name: Name, then: (workflow: Workflow) => Promise<object> | object): Promise<object | typeof SILENCE> {
    const workflow = this.#workflow(name);
    const asked = [...workflow.sourceShards, ...workflow.targetShards];
    if (asked.some(({ primary }) => primary?.down)) return SILENCE;
    return then(workflow);
  }

  #fetch(shard: ShardState, query: string): object {
    const [, table = ''] = /^select 1 from `(.+)` limit 1$/.exec(query) ?? [];
    const rows = shard.tables.get(table)?.size ? [{ lengths: [1], values: Buffer.from('1') }] : [];
    return { result: { fields: [{ name: '1' }], rows } };
  }

  /** The lag of a shard's own replicas, which has nothing to do with how far its workflows are. */
  #load({ keyspace }: ShardState): object {
    const { enabled } = this.#topology.keyspace(keyspace).throttler;
    const { replicaLagSeconds: value, loads } = this.#cluster.settings;
    const measured = { lag: value, ...loads };
    if (!enabled) return { response_code: 'OK', metrics: {} };
    return {
      value,
      threshold: 5,
      response_code: value > 5 ? 'THRESHOLD_EXCEEDED' : 'OK',
      metrics: Object.fromEntries(
        Object.entries(measured).map(([name, load]) => [name, { name, value: load, threshold: 5, scope: 'shard', response_code: 'OK' }]),
      ),
    };
  }

  #throttle(request: Fields): object {
    const { throttler } = this.#keyspace(request.keyspace);
    if (request.enable) throttler.enabled = true;
    if (request.disable) throttler.enabled = false;
    const rule = request.throttled_app as { name: string; ratio: number; expires_at: { seconds: number } | null } | null;
    if (rule?.name === 'vreplication') Object.assign(throttler, { ratio: rule.ratio, expiresAt: (rule.expires_at?.seconds ?? 0) * 1_000 });
    return {};
  }

  #create(
    type: WorkflowType,
    name: string,
    source: KeyspaceState,
    target: KeyspaceState,
    shards: [ShardState[], ShardState[]],
    tables: string[],
    start: boolean,
  ): object {
    const { workflows } = this.#cluster;
    const [sourceShards, targetShards] = shards;
    if (workflows.all.some(({ streams }) => streams.some((stream) => targetShards.includes(stream.target)))) streamsExist();
    const workflow = new Workflow(name, type, { source, target, sourceShards, targetShards }, tables, { start });
    for (const shard of targetShards) for (const table of tables) shard.rows(table);
    workflows.all.push(workflow);
    return this.#status(workflow);
  }

  #reshard(request: Fields): object {
    const keyspace = this.#keyspace(request.keyspace);
    const of = (names: unknown): ShardState[] => (names as string[]).map((name) => this.#topology.shard(keyspace.name, name));
    const targets = of(request.target_shards);
    for (const { name, primary, primaryServing } of targets) {
      if (!primary) throw new Error(`buildResharder: validateTargets: shard ${keyspace.name}/${name} has no primary`);
      if (primaryServing) throw new Error(`buildResharder: target shard ${keyspace.name}/${name} is in serving state`);
    }
    const sources = of(request.source_shards);
    const tables = [...new Set(sources.flatMap((shard) => [...shard.tables.keys()]))];
    return this.#create('Reshard', String(request.workflow), keyspace, keyspace, [sources, targets], tables, request.auto_start === true);
  }

  #moveTables(request: Fields): object {
    const source = this.#keyspace(request.source_keyspace);
    const target = this.#keyspace(request.target_keyspace);
    const sources = source.serving('PRIMARY');
    const all = [...new Set(sources.flatMap((shard) => [...shard.tables.keys()]))];
    const tables = request.all_tables ? all : (request.include_tables as string[]);
    const missing = tables.filter((table) => !all.includes(table));
    if (missing.length > 0) throw new Error(`table(s) not found in source keyspace ${source.name}: ${missing.join(',')}`);
    for (const table of tables)
      for (const suffix of ['', '@replica', '@rdonly'])
        for (const from of [source.name, target.name]) this.#topology.rules.set(`${from}.${table}${suffix}`, source.name);
    return this.#create(
      'MoveTables',
      String(request.workflow),
      source,
      target,
      [sources, target.serving('PRIMARY')],
      tables,
      request.auto_start === true,
    );
  }

  #status(workflow: Workflow): object {
    return { ...shown.copyAndStreams(workflow), traffic_state: trafficState(workflow, this.#topology) };
  }

  #update(request: Fields): object {
    const asked = request.tablet_request as { workflow: string; state: string };
    const workflow = this.#cluster.workflows.get(String(request.keyspace), asked.workflow);
    for (const stream of workflow.streams) {
      if (asked.state === 'Stopped') stream.state = 'Stopped';
      // It goes on where it stopped, with the rows that were left.
      else if (asked.state === 'Running') Object.assign(stream, { state: stream.pending.size > 0 ? 'Copying' : 'Running', message: '' });
    }
    return { summary: `Successfully updated the ${workflow.name} workflow`, details: [] };
  }

  async #switch(workflow: Workflow, request: Fields): Promise<object> {
    const seconds = (value: unknown): number => Number((value as { seconds?: number } | null)?.seconds ?? 0);
    const types =
      (request.tablet_types as ServedType[]).length > 0
        ? (request.tablet_types as ServedType[])
        : (['PRIMARY', 'REPLICA', 'RDONLY'] as ServedType[]);
    const ask = {
      types,
      back: request.direction === 1,
      timeoutMs: seconds(request.timeout) * 1_000,
      maxLagSeconds: seconds(request.max_replication_lag_allowed),
    };
    const { before, after } = await switchTraffic(workflow, ask, {
      workflows: this.#cluster.workflows,
      topology: this.#topology,
      now: () => this.#cluster.clock.now(),
      nextTick: () => this.#cluster.nextTick(),
      at: (point) => {
        const ordered = this.#failing.indexOf(point);
        if (ordered < 0) return;
        this.#failing.splice(ordered, 1);
        throw new Error(`failed to do what was ordered: ${point}`);
      },
    });
    return {
      summary: `SwitchTraffic was successful for workflow ${workflow.target.name}.${workflow.name}`,
      start_state: before,
      current_state: after,
    };
  }

  #diff(name: Name): object {
    this.#workflow(name).diffs.set(String(name.uuid), { atTick: this.#cluster.workflows.ticks });
    return { UUID: name.uuid };
  }

  #showDiff(name: Name): object {
    const workflow = this.#workflow(name);
    const arg = String(name.arg);
    const uuid = arg === 'last' ? [...workflow.diffs.keys()].at(-1) : arg;
    const begun = uuid === undefined ? undefined : workflow.diffs.get(uuid);
    if (uuid === undefined || !begun) return { tablet_responses: {} };
    const through = this.#cluster.workflows.ticks - begun.atTick >= this.#cluster.settings.diffTicks;
    return { tablet_responses: diffRows(workflow, uuid, through) };
  }

  #complete(name: Name): object {
    const workflow = this.#workflow(name);
    const all = (['PRIMARY', 'REPLICA', 'RDONLY'] as const).every((type) => isSwitched(workflow, type, this.#topology));
    if (!all) throw new Error('cannot complete workflow because you have not yet switched all read and write traffic');
    const { workflows } = this.#cluster;
    const reverse = workflows.find(workflow.source.name, `${workflow.name}_reverse`);
    if (reverse) workflows.remove(reverse);
    workflows.remove(workflow);
    for (const shard of workflow.sourceShards) {
      if (workflow.type === 'Reshard') workflow.source.shards.delete(shard.name);
      else
        for (const table of workflow.tables) {
          shard.tables.delete(table);
          shard.denied.delete(table);
        }
    }
    if (workflow.type === 'MoveTables') for (const table of workflow.tables) workflow.target.vschema.set(table, true);
    return { summary: `Successfully completed the ${workflow.name} workflow in the ${workflow.target.name} keyspace` };
  }

  #delete(workflow: Workflow): object {
    if (isSwitched(workflow, 'PRIMARY', this.#topology))
      throw new Error('cannot delete workflow because you have already switched write traffic');
    this.#cluster.workflows.remove(workflow);
    // What serves where stays as it is: reads that were switched go to shards without their tables.
    for (const shard of workflow.targetShards) for (const table of workflow.tables) shard.tables.delete(table);
    if (workflow.type === 'MoveTables')
      for (const table of workflow.tables)
        for (const suffix of ['', '@replica', '@rdonly'])
          for (const from of [workflow.source.name, workflow.target.name]) this.#topology.rules.delete(`${from}.${table}${suffix}`);
    return { summary: `Successfully cancelled the ${workflow.name} workflow in the ${workflow.target.name} keyspace`, details: [] };
  }
}

type Unary = ServerUnaryCall<Fields, object>;

/** Listens on 127.0.0.1, with a vtgate at the same port that tells which tablets it knows. */
export async function startVtctld(cluster: Cluster, port = 0): Promise<VtctldStandIn> {
  const vtctld = new Vtctld(cluster);
  const server = new Server();
  const serve =
    (method: string) =>
    (call: Unary, reply: sendUnaryData<object>): void => {
      vtctld.call(method, call.request).then(
        (answer) => {
          if (answer !== SILENCE) reply(null, answer);
        },
        (error: Error & { code?: number }) => reply({ code: error.code ?? status.UNKNOWN, details: error.message }),
      );
    };
  server.addService(VTCTLD, Object.fromEntries(Object.keys(VTCTLD).map((method) => [method, serve(method)])));
  server.addService(VTGATE, {
    Execute: (call: Unary, reply: sendUnaryData<object>) => {
      const sql = (call.request.query as { sql: string } | null)?.sql.trim();
      if (sql === 'show vitess_tablets') return reply(null, { result: shown.gateTablets(cluster.topology) });
      reply(null, { error: { message: `this vtgate shows its tablets and nothing else: ${sql}` } });
    },
  });
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, at) => (error ? reject(error) : resolve(at)));
  });
  const close = async (): Promise<void> => server.forceShutdown();
  return {
    port: bound,
    address: `grpc://127.0.0.1:${bound}`,
    faults: vtctld.faults,
    failSwitch: (point) => vtctld.failSwitch(point),
    calls: vtctld.calls,
    close,
    [Symbol.asyncDispose]: close,
  };
}
