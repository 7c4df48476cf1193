/**
 * Waits until nobody else's op is in progress: the nameserver has no lock on a partition, and two ops of one may run into each other.
 *
 * Changes: nothing. Twice is harmless.
 */
import type { TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { z } from 'zod';
import { openmldbCluster } from '../client/index.ts';
import { OthersAtWork } from '../errors.ts';
import { isUnfinished } from '../model.ts';
import { ClusterName } from '../params.ts';
import { opName } from '../plan/findings.ts';
import { type OwnRole, PATIENT, taskName } from './settings.ts';

export interface BeginParams {
  cluster: string;
  foreign: 'wait' | 'refuse';
  opDeadlineMs: number;
}

export function beginTask(role: OwnRole): TaskDefinition<BeginParams> {
  return defineTask<BeginParams>({
    name: taskName(role, 'begin'),
    role,
    params: z.strictObject({ cluster: ClusterName, foreign: z.enum(['wait', 'refuse']), opDeadlineMs: z.int().positive() }),
    retry: PATIENT,
    deadlineMs: 86_400_000,

    async run(context) {
      const { params } = context;
      await using cluster = context.target(params.cluster, openmldbCluster);
      const running = async () => (await cluster.ops()).filter(isUnfinished);
      if (params.foreign === 'refuse') {
        const ops = await running();
        if (ops.length > 0) throw OthersAtWork({ cluster: cluster.cluster, ops: ops.map(opName) });
        return undefined;
      }
      const none = async (): Promise<true | string> => {
        const ops = await running();
        return ops.length === 0 ? true : `${ops.length} in progress: ${ops.slice(0, 3).map(opName).join(', ')}`;
      };
      await context.confirm(`ops of others at ${cluster.cluster} have ended`, none, { deadlineMs: params.opDeadlineMs });
      return undefined;
    },

    undo: { none: 'it only waits' },
  });
}
