/**
 * Moving reads and writes of a workflow, in the order of Vitess: writes are stopped, the targets catch up, the reverse streams are made, a journal
 * entry makes it final, then the targets take writes. An error before the journal is undone by the server; one behind it leaves writes stopped
 * until the same switch is asked for again.
 */
import type { Workflow, Workflows } from './streams.ts';
import { Workflow as NewWorkflow } from './streams.ts';
import type { ServedType, ShardState, Topology } from './topology.ts';

export interface SwitchRequest {
  types: ServedType[];
  back: boolean;
  timeoutMs: number;
  maxLagSeconds: number;
}

/** Places at which a switch can be made to fail. */
export type SwitchPoint = 'before-journal' | 'after-journal';

export interface SwitchDeps {
  workflows: Workflows;
  topology: Topology;
  now(): number;
  /** Resolves at the next tick. */
  nextTick(): Promise<void>;
  /** Throws where a fault was ordered. */
  at(point: SwitchPoint): void;
}

const capital = (type: ServedType): string => (type === 'RDONLY' ? 'Rdonly' : 'Replica');

/** Whether a type is served by the targets. */
export function isSwitched(workflow: Workflow, type: ServedType, topology: Topology): boolean {
  if (workflow.type === 'Reshard') {
    const served = new Set(workflow.target.served.get(type));
    return workflow.targetShards.every(({ name }) => served.has(name));
  }
  const suffix = type === 'PRIMARY' ? '' : `@${type.toLowerCase()}`;
  return workflow.tables.every((table) => topology.rules.get(`${workflow.source.name}.${table}${suffix}`) === workflow.target.name);
}

export function trafficState(workflow: Workflow, topology: Topology): string {
  const replica = isSwitched(workflow, 'REPLICA', topology);
  const rdonly = isSwitched(workflow, 'RDONLY', topology);
  const writes = isSwitched(workflow, 'PRIMARY', topology) ? 'Writes Switched' : 'Writes Not Switched';
  if (replica && rdonly) return `All Reads Switched. ${writes}`;
  if (!replica && !rdonly) return `Reads Not Switched. ${writes}`;
  const [done, open] = replica ? (['REPLICA', 'RDONLY'] as const) : (['RDONLY', 'REPLICA'] as const);
  return `Reads partially switched. All ${capital(done)} Reads Switched. ${capital(open)} not switched. ${writes}`;
}

function serve(workflow: Workflow, type: ServedType, back: boolean, topology: Topology): void {
  const { source, target, sourceShards, targetShards, tables } = workflow;
  if (workflow.type === 'Reshard') {
    const [to, from] = back ? [sourceShards, targetShards] : [targetShards, sourceShards];
    const leaving = new Set(from.map(({ name }) => name));
    const kept = (target.served.get(type) ?? []).filter((name) => !leaving.has(name));
    target.served.set(type, [...new Set([...kept, ...to.map(({ name }) => name)])]);
    return;
  }
  const suffix = type === 'PRIMARY' ? '' : `@${type.toLowerCase()}`;
  const to = back ? source.name : target.name;
  for (const table of tables) {
    topology.rules.set(`${source.name}.${table}${suffix}`, to);
    topology.rules.set(`${target.name}.${table}${suffix}`, to);
  }
}

/** Stops or allows the writes that the workflow is about. */
function setStopped(workflow: Workflow, shards: ShardState[], stopped: boolean): void {
  for (const shard of shards) {
    if (workflow.type === 'Reshard') shard.stopped = stopped;
    else for (const table of workflow.tables) stopped ? shard.denied.add(table) : shard.denied.delete(table);
  }
}

async function caughtUp(workflow: Workflow, { now, nextTick }: SwitchDeps, timeoutMs: number): Promise<boolean> {
  const until = now() + timeoutMs;
  while (!workflow.caughtUp) {
    if (now() >= until) return false;
    await nextTick();
  }
  return true;
}

function refuse(workflow: Workflow, why: string): never {
  throw new Error(`cannot switch traffic for workflow ${workflow.name} at this time: ${why}`);
}

export async function switchTraffic(
  workflow: Workflow,
  request: SwitchRequest,
  deps: SwitchDeps,
): Promise<{ before: string; after: string }> {
  const { topology, workflows } = deps;
  const before = trafficState(workflow, topology);
  const { streams, target } = workflow;
  if (streams.some(({ state }) => state === 'Error')) refuse(workflow, 'workflow has errors');
  // A stream that was never started is not refused (seen: reads can be switched to empty shards).
  if (streams.some(({ state }) => state === 'Copying')) refuse(workflow, 'copy is still in progress');
  const lag = Math.floor(Math.max(0, ...streams.map((stream) => stream.lagMs(deps.now()))) / 1_000);
  if (lag > request.maxLagSeconds) refuse(workflow, `replication lag ${lag}s is higher than allowed lag ${request.maxLagSeconds}s`);
  const types = new Set(request.types);
  // Where there are no rdonly tablets, they go with the replicas.
  if (types.has('REPLICA') && ![...target.shards.values()].some(({ tablets }) => tablets.some(({ type }) => type === 'RDONLY')))
    types.add('RDONLY');
  const reverse = workflows.find(workflow.source.name, `${workflow.name}_reverse`);
  if (request.back && types.has('PRIMARY') && !reverse)
    throw new Error(`no streams found in keyspace ${workflow.source.name} for ${workflow.name}_reverse`);
  for (const type of ['RDONLY', 'REPLICA'] as const) if (types.has(type)) serve(workflow, type, request.back, topology);
  if (types.has('PRIMARY') && isSwitched(workflow, 'PRIMARY', topology) === request.back) {
    if (request.back && reverse) await writesBack(workflow, reverse, request, deps);
    else await writesForward(workflow, request, deps);
  }
  return { before, after: trafficState(workflow, topology) };
}

async function writesForward(workflow: Workflow, request: SwitchRequest, deps: SwitchDeps): Promise<void> {
  const { sourceShards, targetShards, source, target, type, tables, name } = workflow;
  if (!workflow.journaled) {
    setStopped(workflow, sourceShards, true);
    try {
      if (!(await caughtUp(workflow, deps, request.timeoutMs)))
        throw new Error(`failed to sync up replication between the source and target: timed out`);
      deps.at('before-journal');
    } catch (error) {
      setStopped(workflow, sourceShards, false);
      throw error;
    }
    const ends = { source: target, target: source, sourceShards: targetShards, targetShards: sourceShards };
    const reverse = new NewWorkflow(`${name}_reverse`, type, ends, tables, { start: false, reverseOf: name });
    for (const stream of reverse.streams) stream.follow();
    for (const stream of reverse.streams) stream.state = 'Stopped';
    deps.workflows.all.push(reverse);
    workflow.journaled = true;
  }
  deps.at('after-journal');
  setStopped(workflow, targetShards, false);
  serve(workflow, 'PRIMARY', false, deps.topology);
  if (type === 'Reshard') {
    for (const shard of sourceShards) shard.primaryServing = false;
    for (const shard of targetShards) shard.primaryServing = true;
  }
  const reverse = deps.workflows.find(source.name, `${name}_reverse`);
  for (const stream of reverse?.streams ?? []) stream.state = 'Running';
  workflow.frozen = true;
  for (const stream of workflow.streams) stream.message = 'FROZEN';
}

async function writesBack(workflow: Workflow, reverse: Workflow, request: SwitchRequest, deps: SwitchDeps): Promise<void> {
  const { sourceShards, targetShards, type } = workflow;
  if (!reverse.journaled) {
    setStopped(workflow, targetShards, true);
    try {
      if (!(await caughtUp(reverse, deps, request.timeoutMs)))
        throw new Error('failed to sync up replication between the source and target: timed out');
      deps.at('before-journal');
    } catch (error) {
      setStopped(workflow, targetShards, false);
      throw error;
    }
    reverse.journaled = true;
  }
  deps.at('after-journal');
  serve(workflow, 'PRIMARY', true, deps.topology);
  if (type === 'Reshard') {
    for (const shard of targetShards) shard.primaryServing = false;
    for (const shard of sourceShards) shard.primaryServing = true;
  }
  setStopped(workflow, sourceShards, false);
  setStopped(workflow, targetShards, type === 'MoveTables');
  if (type === 'Reshard') for (const shard of targetShards) shard.stopped = false;
  deps.workflows.remove(reverse);
  workflow.frozen = false;
  workflow.journaled = false;
  for (const stream of workflow.streams) {
    stream.message = '';
    stream.follow();
  }
}
