/** What rebalancing and decommissioning have in common: the snapshot, the stages, the verdict. */
import type { Finding, LeaseRequest, PlanDraft, StageSpec, TaskContext } from '@longshore/core';
import type { Namespace } from '../client/index.ts';
import { locate, takeInventory } from '../inventory.ts';
import type { Service } from '../model.ts';
import { leaseScope, leaseTarget } from '../model.ts';
import type { MovesParams } from '../params.ts';
import type { Constraint } from '../plan/locations.ts';
import { LOOSE, parseConstraint } from '../plan/locations.ts';
import type { MovesPlan, PlannedContainer } from '../plan/moves.ts';

export interface Snapshot {
  services: Service[];
  containers: PlannedContainer[];
  findings: Finding[];
}

export function constraintOf({ location, minDistance }: Pick<MovesParams, 'location' | 'minDistance'>): Constraint {
  return location === undefined ? { ...LOOSE, minDistance } : parseConstraint(location, minDistance)!;
}

export async function snapshotOf(context: TaskContext<MovesParams>, namespace: Namespace): Promise<Snapshot> {
  const services = await namespace.services();
  const inventory = await takeInventory(context, namespace, services, context.params);
  const { containers, odd } = await locate(namespace, inventory);
  const findings: Finding[] = inventory.unlisted.map(({ service, why }) => ({
    level: 'warning',
    text: `the bases of ${service} could not be listed (${why}): containers that are only there are not in this plan`,
  }));
  if (odd.length > 0)
    findings.push({
      level: 'warning',
      text: `${odd.length} bases are left out: meta1 has no row for them, or several (\`longshore openio check\` names them)`,
    });
  for (const { id, up } of services) if (!up) findings.push({ level: 'warning', text: `${id} is down: nothing is moved from it or to it` });
  return { services, containers, findings };
}

/** Above it the whole namespace is taken, since every step looks at all leases of the operation. */
const SINGLE_LEASES = 256;

export function leasesOf(namespace: string, moves: readonly { cid: string }[]): LeaseRequest[] {
  const target = leaseTarget(namespace);
  const cids = [...new Set(moves.map(({ cid }) => cid))];
  return cids.length > SINGLE_LEASES ? [{ target, scope: '' }] : cids.map((cid) => ({ target, scope: leaseScope(cid) }));
}

export function draftOf(params: MovesParams, namespace: string, plan: MovesPlan, snapshot: Snapshot): PlanDraft {
  const { proxies, concurrency, perService, pauseMs, replicas, location, minDistance, rdir } = params;
  const { moves, bars, stuck } = plan;
  const common = {
    proxies,
    namespace,
    replicas,
    minDistance,
    ...(location === undefined ? {} : { location }),
    perService,
    pauseMs,
    ...(rdir === undefined ? {} : { rdir }),
  };
  const stages: StageSpec[] =
    moves.length === 0
      ? []
      : [
          {
            name: 'move',
            title: 'move bases',
            concurrency,
            // The others go on: each move is good by itself, and the report says which one failed.
            tolerant: true,
            tasks: moves.map((move, at) => ({
              id: `move-${at + 1}`,
              task: 'openio.move',
              params: { ...common, ...move },
              placement: 'role',
            })),
          },
        ];
  stages.push({
    name: 'measure',
    title: 'add up',
    concurrency: 1,
    tasks: [{ id: 'measure', task: 'openio.measure', params: { planned: moves.length }, placement: 'role' }],
  });
  const leases = leasesOf(namespace, moves);
  return {
    summary: [
      moves.length === 0
        ? 'nothing has to be moved'
        : `${moves.length} moves, ${concurrency} at a time, ${perService} from and to a service`,
      ...(leases.length === 1 && leases[0]!.scope === '' ? [`takes the whole namespace ${namespace} for itself meanwhile`] : []),
      ...bars.map(({ service, before, target, after }) => `${service}: ${before} → ${after} (target ${target})`),
    ],
    findings: [
      ...snapshot.findings,
      ...stuck.map(
        ({ service, bases }): Finding => ({
          level: 'warning',
          text: `${bases} bases of ${service} have nowhere to go: every other service holds the container already, or would be too near`,
        }),
      ),
    ],
    stages,
    leases,
    fingerprint: { moves },
    expect: { moves: moves.length },
    data: { namespace, bars, containers: snapshot.containers.length, moved: [...new Set(moves.map(({ cid }) => cid))] },
  };
}
