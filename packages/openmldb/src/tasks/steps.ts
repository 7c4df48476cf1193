/** Takes the steps of one partition, one after another, each decided from what was just read. Shared by the task that settles it and its undo. */
import type { JournalEntry, TaskContext } from '@longshore/core';
import type { OpenmldbClient, PartitionRef } from '../client/index.ts';
import { OthersAtWork, PartitionGone, PartitionStuck } from '../errors.ts';
import type { Op, Placement, Replica } from '../model.ts';
import { partitionName } from '../model.ts';
import type { Step, StepOptions } from '../plan/next-step.ts';
import { nextStep, stepName } from '../plan/next-step.ts';
import { heldBy, isLoading, nameOf, type PartitionView } from '../plan/view.ts';
import { awaitQuiet, type Following, followOp, lastOp } from './follow.ts';
import { lookAt, type WhichPartition } from './look.ts';

export interface StepsParams extends WhichPartition {
  cluster: string;
  opDeadlineMs: number;
  unsettledMs: number;
}

/** No way has more; one that takes more goes in a circle. */
const MOST_STEPS = 60;
const WAIT_MS = 200;
/** After that a follower that has what its leader had a moment ago may lead: clients go on writing, and it will never have all. */
const KEEPS_UP_MS = 5_000;
/** How long the nameserver may take to show what an op has done. */
const SHOWN_MS = 30_000;

const OP_TYPES: Readonly<Partial<Record<Step['do'], string>>> = {
  recover: 'kRecoverTableOP',
  'change-leader': 'kChangeLeaderOP',
  'add-replica': 'kAddReplicaOP',
  'del-replica': 'kDelReplicaOP',
  migrate: 'kMigrateOP',
};

type Context = TaskContext<StepsParams>;

/** Gives the replicas that are to be there and cannot be mended. `name` keeps the journal's entries of different ways apart. */
export async function settle(
  context: Context,
  cluster: OpenmldbClient,
  goal: Placement,
  options: StepOptions,
  name = '',
): Promise<{ steps: string[]; degraded: string[] }> {
  const { params, clock, signal } = context;
  const following: Following = { clock, signal, opDeadlineMs: params.opDeadlineMs };
  const steps: string[] = [];
  let waitingSince: number | undefined;
  let enough: bigint | undefined;
  for (;;) {
    const foreign = await awaitQuiet(cluster, params, await ownOps(context), following);
    if (foreign) throw OthersAtWork({ cluster: cluster.cluster, ops: [`${foreign.id} ${foreign.type} of ${partitionName(params)}`] });
    const view = await lookAt(cluster, params);
    if (!view) throw PartitionGone({ partition: partitionName(params) });
    const next = nextStep(view, goal, { ...options, ...(enough === undefined ? {} : { enough }) });
    if ('done' in next) return { steps, degraded: next.degraded };
    if ('stuck' in next) throw PartitionStuck({ partition: nameOf(view), why: next.stuck });
    if ('wait' in next) {
      waitingSince ??= clock.now();
      const waited = clock.now() - waitingSince;
      if (waited >= params.opDeadlineMs) throw PartitionStuck({ partition: nameOf(view), why: next.wait });
      enough = waited >= KEEPS_UP_MS ? next.leaderAt : undefined;
      await clock.sleep(WAIT_MS, signal);
      continue;
    }
    if (enough !== undefined && next.step.do === 'change-leader')
      context.note({
        level: 'warning',
        row: `${params.db}.${params.table}`,
        text: `${nameOf(view)}: clients went on writing while ${next.step.to} took the lead; what reached the old leader at the last moment may be lost`,
      });
    waitingSince = undefined;
    enough = undefined;
    if (steps.length >= MOST_STEPS)
      throw PartitionStuck({ partition: nameOf(view), why: `${steps.slice(-4).join(', ')}: it goes in a circle` });
    await take(context, cluster, view, next.step, following, name);
    steps.push(stepName(next.step));
  }
}

/** An unfinished op is ours when an attempt of ours meant to make one like it and has not seen its end. */
async function ownOps(context: Context): Promise<(op: Op) => boolean> {
  const open = (await ownEntries(context)).filter(({ state }) => state === 'intent').map(({ after }) => after);
  return ({ type }) => open.some((after) => typeof after === 'object' && after !== null && 'op' in after && after.op === type);
}

/** A call of an attempt that was lost may still be on its way: what it comes to is seen when it can no longer take effect. */
export async function letSettle(context: Context): Promise<void> {
  const { clock, signal, generation, params } = context;
  const lost = (await ownEntries(context)).filter(
    (entry) => entry.state === 'intent' && entry.generation !== generation && entry.key !== 'placement',
  );
  const until = Math.max(0, ...lost.map(({ at }) => at + params.unsettledMs));
  if (until > clock.now()) await clock.sleep(until - clock.now(), signal);
}

/** Of this task; in an undo also those of the task it takes back. */
async function ownEntries({ journal, task }: Context): Promise<JournalEntry[]> {
  const entries = new Map(
    [...(await journal.entries()), ...(await journal.entries(task.id))].map((entry) => [`${entry.task} ${entry.key}`, entry]),
  );
  return [...entries.values()];
}

async function take(
  context: Context,
  cluster: OpenmldbClient,
  seen: PartitionView,
  step: Step,
  following: Following,
  name: string,
): Promise<void> {
  const { params } = context;
  const op = OP_TYPES[step.do] ?? null;
  const done = { step: stepName(step), op };
  const not = { step: 'not yet', op };
  await context.effect<{ step: string; op: string | null }>({
    key: `${name}${stepName(step)}`,
    what: `${nameOf(seen)}: ${stepName(step)}`,
    observe: async () => ((await isSo(cluster, params, step)) ? done : not),
    wanted: done,
    async act() {
      if (op === null) return send(cluster, params, seen, step, context);
      const before = await lastOp(cluster, params);
      await send(cluster, params, seen, step, context);
      await followOp(cluster, params, before, op, following);
    },
    deadlineMs: step.do === 'load' ? params.opDeadlineMs : SHOWN_MS,
  });
}

async function isSo(cluster: OpenmldbClient, which: WhichPartition, step: Step): Promise<boolean> {
  const view = await lookAt(cluster, which);
  if (!view) throw PartitionGone({ partition: partitionName(which) });
  const at = (endpoint: string): Replica | undefined => view.partition.replicas.find((replica) => replica.endpoint === endpoint);
  switch (step.do) {
    case 'load': {
      const held = heldBy(view, step.endpoint);
      return typeof held === 'object' && !isLoading(held);
    }
    case 'mark':
      return at(step.endpoint)?.alive === step.alive;
    case 'resume-snapshots': {
      const held = heldBy(view, step.endpoint);
      return typeof held === 'object' && held.state !== 'kSnapshotPaused';
    }
    case 'recover': {
      const replica = at(step.endpoint);
      return replica?.alive === true && !replica.leader;
    }
    case 'change-leader': {
      const replica = at(step.to);
      return replica?.alive === true && replica.leader;
    }
    case 'add-replica':
      return at(step.endpoint)?.alive === true;
    case 'del-replica':
      return at(step.endpoint) === undefined;
    case 'migrate':
      return at(step.from) === undefined && at(step.to)?.alive === true;
  }
}

async function send(
  cluster: OpenmldbClient,
  { db, table, tid, pid }: WhichPartition,
  seen: PartitionView,
  step: Step,
  { lease }: Context,
): Promise<void> {
  const part: PartitionRef = { db, table, pid };
  switch (step.do) {
    case 'load': {
      const storageMode = (await cluster.tables({ db, table })).find((one) => one.tid === tid)?.storage_mode ?? 'kMemory';
      await lease.assertHeld();
      return cluster.load(step.endpoint, { ...part, tid, storageMode });
    }
    case 'mark':
      return cluster.mark(part, step.endpoint, step.alive);
    case 'resume-snapshots':
      return cluster.resumeSnapshots(step.endpoint, { tid, pid });
    case 'recover':
      return cluster.recoverTable(part, step.endpoint);
    case 'change-leader':
      return cluster.changeLeader(part, step.to);
    case 'add-replica':
      return cluster.addReplica(part, step.endpoint);
    case 'del-replica':
      // The last one is never removed, whatever was planned: the server would refuse it, too.
      if (seen.partition.replicas.length < 2) throw PartitionStuck({ partition: nameOf(seen), why: 'it would be its last replica' });
      return cluster.delReplica(part, step.endpoint);
    case 'migrate':
      return cluster.migrate(part, step.from, step.to);
  }
}
