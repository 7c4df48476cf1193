/** What the plans of all kinds that change something have in common: the wait, the guard, the rounds, the reading at the end. */
import { createHash } from 'node:crypto';
import type { Finding, Json, KindDefinition, PlanDraft, StageSpec } from '@longshore/core';
import type { OpenmldbClient } from '../client/index.ts';
import { Incomplete } from '../errors.ts';
import type { Change, ClusterSnapshot } from '../model.ts';
import { placementOf } from '../model.ts';
import type { Bounds } from '../params.ts';
import type { PlanData } from '../plan/data.ts';
import { foreignFindings } from '../plan/findings.ts';
import { matrixOf } from '../plan/matrix.ts';
import type { Goal } from '../plan/outcome.ts';
import type { StatLine } from '../stat-file.ts';
import { roundStage } from '../tasks/round.ts';
import { FAILOVER_KEY, leaseTarget, type OwnRole, taskName } from '../tasks/settings.ts';

export const COLUMNS: string[] = ['planned', 'settled', 'left', 'degraded', 'lost'];

export interface Frame {
  role: OwnRole;
  cluster: OpenmldbClient;
  /** The name it was given by. */
  name: string;
  bounds: Bounds;
  snapshot: ClusterSnapshot;
  changes: Change[];
  goal: Goal;
  mayPromote: boolean;
  summary: string[];
  findings: Finding[];
  lines?: StatLine[];
  /** Before auto_failover is held, and after everything. */
  first?: StageSpec[];
  last?: StageSpec[];
  /** Asked of a person under the policy `cutover`. */
  approval: string;
}

export function framed(frame: Frame): PlanDraft {
  const { role, cluster, name, bounds, snapshot, changes, goal, mayPromote } = frame;
  const { concurrency, opDeadlineMs, unsettledMs, maxHoldMs, foreign } = bounds;
  const one = (id: string, title: string, task: string, params: { [key: string]: Json }, more: Partial<StageSpec> = {}): StageSpec => ({
    name: id,
    title,
    concurrency: 1,
    tasks: [{ id, task: taskName(role, task), params, placement: 'role' }],
    ...more,
  });
  const guarded = { guard: { opens: [FAILOVER_KEY] } };
  const work: StageSpec[] =
    changes.length === 0
      ? (frame.first ?? [])
      : [
          one('begin', 'wait for ops of others', 'begin', { cluster: name, foreign, opDeadlineMs }, { approval: frame.approval }),
          ...(frame.first ?? []),
          one('hold-failover', 'hold auto_failover off', 'hold-failover', { cluster: name, maxHoldMs }, guarded),
          roundStage(role, { cluster: name, round: 1, concurrency, opDeadlineMs, unsettledMs, mayPromote }),
          one('release-failover', 'set auto_failover back', 'release-failover', { cluster: name }, { guard: { ends: [FAILOVER_KEY] } }),
        ];
  const data: PlanData = {
    changes,
    matrix: matrixOf(snapshot, changes),
    tables: snapshot.tables.map(({ db, name: own }) => ({ db, name: own })),
    lines: frame.lines ?? [],
  };
  return {
    summary: frame.summary,
    findings: [...frame.findings, ...(changes.length === 0 ? [] : foreignFindings(cluster.cluster, snapshot.ops, foreign))],
    stages: [...work, one('measure', 'read how it is', 'measure', { cluster: name, goal }), ...(frame.last ?? [])],
    leases: [{ target: leaseTarget(cluster.identity), scope: '' }],
    fingerprint: fingerprintOf(snapshot),
    expect: { partitions: changes.length },
    data: data as unknown as Json,
  };
}

/** Who holds and leads what, and which tablets are there; by table, as digests. */
function fingerprintOf({ tablets, tables }: ClusterSnapshot): Json {
  const digest = (value: unknown): string => createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16);
  return {
    tablets: Object.fromEntries(tablets.map(({ endpoint, healthy }) => [endpoint, healthy ? 'healthy' : 'away'])),
    tables: Object.fromEntries(
      tables.map(({ db, name, tid, partitions }) => [
        `${db}.${name} (${tid})`,
        digest(partitions.map((partition) => [partition.pid, placementOf(partition), partition.replicas.map(({ alive }) => alive)])),
      ]),
    ),
  };
}

/** Verified means: read at the end, nothing was left, degraded or lost. */
export const conclude: KindDefinition['conclude'] = ({ totals }) => {
  const { left = 0, degraded = 0, lost = 0 } = totals;
  if (left + degraded + lost === 0) return { ok: true };
  return { ok: false, error: Incomplete({ left, degraded, lost }).data };
};

export function counted(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}
