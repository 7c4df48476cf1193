/**
 * Holds auto_failover off while partitions are moved by hand: with it on, the nameserver refuses most of the calls that takes. Then sets it back.
 *
 * Changes: the cluster's setting `auto_failover`.
 * Twice is harmless: it is set, not toggled; what was found the first time stands in the guard, and stays.
 * Guard: open as long as it is off by our doing. Where it was off before nothing is opened, and nothing is set back.
 */
import type { TaskContext, TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { z } from 'zod';
import { type OpenmldbClient, openmldbCluster } from '../client/index.ts';
import { ClusterName } from '../params.ts';
import { FAILOVER_KEY, leaseTarget, type OwnRole, PATIENT, taskName } from './settings.ts';

/** The way back takes no longer than this. */
const BACK_MS = 86_400_000;
/** The guard of the way back: what was set back by then is held off once more. */
const BACK_KEY = `${FAILOVER_KEY}:back`;

/** Holds it off where it is on. */
async function holdOff(
  context: TaskContext<unknown>,
  cluster: OpenmldbClient,
  name: string,
  how: { role: OwnRole; key: string; maxMs: number },
): Promise<boolean> {
  const { role, key, maxMs } = how;
  const on = await cluster.autoFailover();
  if (on !== true && (await context.guard.find(key))?.state !== 'open') return false;
  await context.guard.open({
    key,
    what: `auto_failover of ${cluster.cluster} is off`,
    target: leaseTarget(cluster.identity),
    before: true,
    after: false,
    maxMs,
    close: { task: taskName(role, 'release-failover'), params: { cluster: name, key } },
  });
  await context.effect<boolean | null>({
    key: key === FAILOVER_KEY ? 'hold' : 'hold-back',
    what: `set auto_failover of ${cluster.cluster} to false`,
    observe: async () => (await cluster.autoFailover()) ?? null,
    wanted: false,
    act: () => cluster.setAutoFailover(false),
  });
  return true;
}

/** The same, for whoever looks at the way back before it is gone. */
export const wayBackGuard = ({ cluster }: { cluster: string }): { key: string; what: string; maxMs: number } => ({
  key: BACK_KEY,
  what: `auto_failover of ${cluster} is off`,
  maxMs: BACK_MS,
});

/** For the way back of what is moved by hand: on again by then, it would be refused. The undo of the hold ends it. */
export async function holdOffOnTheWayBack(
  context: TaskContext<{ cluster: string }>,
  cluster: OpenmldbClient,
  role: OwnRole,
): Promise<void> {
  await holdOff(context, cluster, context.params.cluster, { role, key: BACK_KEY, maxMs: BACK_MS });
}

export interface HoldParams {
  cluster: string;
  maxHoldMs: number;
}

export function holdFailoverTask(role: OwnRole): TaskDefinition<HoldParams> {
  return defineTask<HoldParams>({
    name: taskName(role, 'hold-failover'),
    role,
    params: z.strictObject({ cluster: ClusterName, maxHoldMs: z.int().positive() }),
    retry: PATIENT,

    async run(context) {
      const { params } = context;
      await using cluster = context.target(params.cluster, openmldbCluster);
      return { output: { held: await holdOff(context, cluster, params.cluster, { role, key: FAILOVER_KEY, maxMs: params.maxHoldMs }) } };
    },

    /** Writes even where it is on: a late "off" may still land. */
    async undo(context) {
      const back = await context.guard.find(BACK_KEY);
      const entry = (await context.journal.entries()).find(({ key }) => key === 'hold');
      if (!entry && !back) return;
      await using cluster = context.target(context.params.cluster, openmldbCluster);
      await context.effect<boolean | null>({
        key: 'hold',
        what: `set auto_failover of ${cluster.cluster} to true`,
        observe: async () => (await cluster.autoFailover()) ?? null,
        wanted: true,
        act: () => cluster.setAutoFailover(true),
        always: true,
      });
      if (back?.state === 'open') await context.guard.close(BACK_KEY);
    },
  });
}

export interface ReleaseParams {
  cluster: string;
  key: string;
}

export function releaseFailoverTask(role: OwnRole): TaskDefinition<ReleaseParams> {
  return defineTask<ReleaseParams>({
    name: taskName(role, 'release-failover'),
    role,
    params: z.strictObject({ cluster: ClusterName, key: z.string().default(FAILOVER_KEY) }),
    retry: PATIENT,

    async run(context) {
      const { key } = context.params;
      const known = await context.guard.find(key);
      // Never opened: it was off before.
      if (!known) return undefined;
      await using cluster = context.target(context.params.cluster, openmldbCluster);
      await context.effect<boolean | null>({
        key: 'release',
        what: `set auto_failover of ${cluster.cluster} to true`,
        observe: async () => (await cluster.autoFailover()) ?? null,
        wanted: true,
        act: () => cluster.setAutoFailover(true),
      });
      if (known.state === 'open') await context.guard.close(key);
      return undefined;
    },

    undo: { none: 'that it is on is how it was; the way back holds it off anew where it has to' },
  });
}
