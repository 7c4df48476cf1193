/**
 * Waits for a tablet to serve again after its upgrade.
 *
 * Changes: nothing. Twice is harmless.
 */
import type { TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { z } from 'zod';
import { openmldbCluster } from '../client/index.ts';
import { ClusterName, Endpoint } from '../params.ts';
import { PATIENT, taskName } from './settings.ts';

export interface AwaitTabletParams {
  cluster: string;
  endpoint: string;
  tabletDeadlineMs: number;
}

export const awaitTablet: TaskDefinition<AwaitTabletParams> = defineTask({
  name: taskName('migrator', 'await-tablet'),
  role: 'migrator',
  params: z.strictObject({ cluster: ClusterName, endpoint: Endpoint, tabletDeadlineMs: z.int().positive() }),
  retry: PATIENT,

  async run(context) {
    const { endpoint, tabletDeadlineMs } = context.params;
    await using cluster = context.target(context.params.cluster, openmldbCluster);
    const serves = async (): Promise<true | string> => {
      const tablet = (await cluster.tablets()).find((one) => one.endpoint === endpoint);
      if (!tablet?.healthy) return `${endpoint} is ${tablet ? 'not healthy' : 'not registered'}`;
      await cluster.held(endpoint);
      return true;
    };
    await context.confirm(`the tablet ${endpoint} serves again`, serves, { deadlineMs: tabletDeadlineMs });
    return undefined;
  },

  undo: { none: 'it only waits' },
});
