/**
 * Holds auto_failover off while partitions are moved by hand: with it on, the nameserver refuses most of the calls that takes. Then sets it back.
 *
 * Changes: the cluster's setting `auto_failover`.
 * Twice is harmless: it is set, not toggled; what was found the first time stands in the guard, and stays.
 * Guard: open as long as it is off by our doing. Where it was off before nothing is opened, and nothing is set back.
 */
import type { TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { z } from 'zod';
import { openmldbCluster } from '../client/index.ts';
import { ClusterName } from '../params.ts';
import { FAILOVER_KEY, leaseTarget, type OwnRole, PATIENT, taskName } from './settings.ts';

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
      const on = await cluster.autoFailover();
      const known = await context.guard.find(FAILOVER_KEY);
      if (on !== true && known?.state !== 'open') return { output: { held: false } };
      await context.guard.open({
        key: FAILOVER_KEY,
        what: `auto_failover of ${cluster.cluster} is off`,
        target: leaseTarget(cluster.identity),
        before: true,
        after: false,
        maxMs: params.maxHoldMs,
        close: { task: taskName(role, 'release-failover'), params: { cluster: params.cluster } },
      });
      await context.effect<boolean | null>({
        key: 'hold',
        what: `set auto_failover of ${cluster.cluster} to false`,
        observe: async () => (await cluster.autoFailover()) ?? null,
        wanted: false,
        act: () => cluster.setAutoFailover(false),
      });
      return { output: { held: true } };
    },

    /** Writes even where it is on: a late "off" may still land. */
    async undo(context) {
      const entry = (await context.journal.entries()).find(({ key }) => key === 'hold');
      if (!entry) return;
      await using cluster = context.target(context.params.cluster, openmldbCluster);
      await context.effect<boolean | null>({
        key: 'hold',
        what: `set auto_failover of ${cluster.cluster} to true`,
        observe: async () => (await cluster.autoFailover()) ?? null,
        wanted: true,
        act: () => cluster.setAutoFailover(true),
        always: true,
      });
    },
  });
}

export interface ReleaseParams {
  cluster: string;
}

export function releaseFailoverTask(role: OwnRole): TaskDefinition<ReleaseParams> {
  return defineTask<ReleaseParams>({
    name: taskName(role, 'release-failover'),
    role,
    params: z.strictObject({ cluster: ClusterName }),
    retry: PATIENT,

    async run(context) {
      const known = await context.guard.find(FAILOVER_KEY);
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
      if (known.state === 'open') await context.guard.close(FAILOVER_KEY);
      return undefined;
    },

    undo: { none: 'that it is on is how it was; the way back sets it off anew where it has to' },
  });
}
