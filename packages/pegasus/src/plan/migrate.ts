/** What a migration does, from what both clusters and the meta proxy say. Pure: same snapshot, same plan. */
import type { Finding, Json, LeaseRequest, StageSpec, TaskSpec } from '@longshore/core';
import { denialKey, isByCounters, leaseScope, leaseTarget, type Proof } from '../model.ts';
import type { MigrateParams } from '../params.ts';
import type { Snapshot } from '../reading/snapshot.ts';
import { preflight, proofOf } from './preflight.ts';

/** What every task of a migration is given. */
export interface Move {
  table: string;
  source: string;
  meta: string;
  /** Name of the source cluster, and of the target. */
  from: string;
  cluster: string;
  node?: string | undefined;
  root?: string | undefined;
  proof: Proof;
  threshold: number;
  rounds: number;
  pollMs: number;
  configSyncMs: number;
  dupSyncMs: number;
  maxDenialMs: number;
  denials: number;
  prepareMs: number;
  stuckMs: number;
  afterDrain?: 'keep-denied' | 'lift' | undefined;
}

export interface MigrationPlan {
  summary: string[];
  findings: Finding[];
  stages: StageSpec[];
  leases: LeaseRequest[];
  fingerprint: Json;
  data: { move: Move; partitions: number };
}

const minutes = (ms: number): string => (ms % 60_000 === 0 ? `${ms / 60_000} min` : `${ms / 1000} s`);

export function planMigration(params: MigrateParams, snapshot: Snapshot): MigrationPlan {
  const { source, target, proxy } = snapshot;
  const { acceptCounters: _, ...asked } = params;
  const move: Move = { ...asked, from: source.name, proof: proofOf(source) };
  const partitions = source.table?.partitionCount ?? 0;
  const { table, cluster, root } = params;
  const end =
    root === undefined
      ? params.afterDrain === 'lift'
        ? 'writes are allowed again: this is a rehearsal, clients stay where they are'
        : `writes stay denied, and switching the clients is yours: \`longshore pegasus finish\` ends it then, \`longshore pegasus lift\` gives it up`
      : `${root}/${table} is pointed to ${cluster}, and ${DENIAL_TEXT} of the source makes clients look it up`;
  return {
    summary: [
      `the table ${table} (${partitions} partitions), from ${source.name} to ${cluster}`,
      `it is duplicated while clients go on; when fewer than ${params.threshold} mutations wait, writes are denied for at most ${minutes(params.maxDenialMs)}`,
      `of that, ${minutes(2 * params.configSyncMs)} pass until every replica has learnt of it; the rest is for draining${params.denials > 1 ? `. When it is not enough, clients may write again, and it is tried anew, ${params.denials} times in all` : ''}`,
      `when ${isByCounters(move.proof) ? 'nothing waits by the counters of the source any more' : `all that was committed is confirmed at ${cluster}`}, ${end}`,
      'until the switch everything can be taken back; after it clients write at the target, and what they write there is not duplicated back',
      `left behind: the duplication, and the table at ${source.name}; \`longshore pegasus cleanup\` removes them when asked`,
    ],
    findings: preflight(params, snapshot),
    stages: stagesOf(move),
    leases: [leaseTarget(source.name), leaseTarget(cluster)].map((name) => ({ target: name, scope: leaseScope(table) })),
    fingerprint: {
      table: source.table === undefined ? null : { id: source.table.appId, partitions, status: source.table.status },
      denied: [...(source.table?.envs ?? [])].filter(([key]) => key.startsWith('replica.deny')).map(([, value]) => value),
      duplicatedTo: source.duplications.map(({ remote }) => remote).sort(),
      target: 'value' in target ? { name: target.value.name, table: target.value.table !== undefined } : null,
      proxy: proxy === undefined || 'error' in proxy ? null : (proxy.value.text ?? null),
    },
    data: { move, partitions },
  };
}

const DENIAL_TEXT = 'reconfig*all';

function stagesOf(move: Move): StageSpec[] {
  const { table, cluster, root, afterDrain } = move;
  const last: StageSpec =
    root === undefined
      ? {
          name: 'end',
          title: afterDrain === 'lift' ? 'let clients write again' : 'hand the denial over to the operator',
          concurrency: 1,
          guard: { ends: [denialKey(table)] },
          tasks: [taskOf('end', 'pegasus.end-denial', move)],
        }
      : {
          name: 'switch',
          title: `point the clients to ${cluster}`,
          concurrency: 1,
          guard: { ends: [denialKey(table)] },
          tasks: [taskOf('switch', 'pegasus.switch', move)],
        };
  return [
    {
      name: 'duplicate',
      title: `duplicate ${table} to ${cluster}: copy what is there, then follow`,
      concurrency: 1,
      tasks: [taskOf('duplicate', 'pegasus.duplicate', move)],
    },
    ...approach(move, 1),
    last,
    {
      name: 'report',
      title: 'put together what is proven and what is left',
      concurrency: 1,
      tasks: [taskOf('report', 'pegasus.report', move)],
    },
  ];
}

/** Catching up, denying and draining: once in the plan, and again when a denial was not enough. */
export function approach(move: Move, round: number): StageSpec[] {
  const { table, cluster, root, maxDenialMs, denials, from, afterDrain } = move;
  const suffix = round === 1 ? '' : `-${round}`;
  const own = { ...move, round };
  const end =
    root === undefined
      ? afterDrain === 'lift'
        ? 'let clients write again'
        : 'leave them denied when it is drained, for you to switch the clients'
      : `point its clients to ${cluster}`;
  const again = denials > 1 ? `, at most ${denials} times` : '';
  return [
    {
      name: `catch-up${suffix}`,
      title: 'wait until little is left to be shipped',
      concurrency: 1,
      tasks: [taskOf(`catch-up${suffix}`, 'pegasus.catch-up', own)],
    },
    {
      name: `cutover${suffix}`,
      title: `deny writes to ${table}`,
      concurrency: 1,
      // Asked once, for every denial there will be.
      ...(round === 1
        ? {
            approval: `deny writes to ${table} at ${from} for at most ${minutes(maxDenialMs)}${again}, and ${end}${isByCounters(move.proof) ? '; that it is drained is seen by counters, not proven' : ''}`,
          }
        : {}),
      guard: { opens: [denialKey(table)] },
      tasks: [taskOf(`deny${suffix}`, 'pegasus.deny-writes', own)],
    },
    {
      name: `drain${suffix}`,
      title: 'wait until all that was committed is confirmed at the target',
      concurrency: 1,
      tasks: [taskOf(`drain${suffix}`, 'pegasus.drain', own)],
    },
  ];
}

function taskOf(id: string, task: string, params: Move): TaskSpec {
  return { id, task, params: JSON.parse(JSON.stringify(params)) as Json, placement: 'role' };
}
