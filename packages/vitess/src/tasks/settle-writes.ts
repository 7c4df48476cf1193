/**
 * Closes the guard of a switch of writes, in its place and whenever the operation cannot go on: clients must be able to write, here or there.
 *
 * Changes: a switch that stands half-way is finished.
 * Twice is harmless: where writes are taken, nothing is done.
 */
import type { TaskContext, TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { z } from 'zod';
import type { VtctldClient } from '../client/vtctld.ts';
import { vtctld } from '../client/vtctld.ts';
import { WritesStopped } from '../errors.ts';
import type { WorkflowRef } from '../workflow-ref.ts';
import { WorkflowRef as Ref, SwitchSettings } from '../workflow-ref.ts';
import { look } from './look.ts';
import { PATIENT } from './settings.ts';

export interface SettleParams {
  ref: WorkflowRef;
  settings: SwitchSettings;
  /** The guard to be closed. */
  guard: string;
}

/** Sees to it that clients can write. A lag that would forbid a switch forbids no rescue. */
export async function settle(
  context: Pick<TaskContext<unknown>, 'clock' | 'lease'>,
  client: VtctldClient,
  ref: WorkflowRef,
  settings: SwitchSettings,
): Promise<void> {
  if ((await look(client, ref, context.clock.now())).writes !== 'stopped') return;
  await context.lease.assertHeld();
  await client.switchTraffic(ref, {
    tabletTypes: ['PRIMARY'],
    direction: 'forward',
    timeoutMs: settings.switchTimeoutMs,
    maxLagSeconds: 3_600,
  });
  const { writes, traffic } = await look(client, ref, context.clock.now());
  if (writes === 'stopped') throw WritesStopped({ keyspace: ref.sourceKeyspace, traffic });
}

export const settleWrites: TaskDefinition<SettleParams> = defineTask({
  name: 'vitess.settle-writes',
  role: 'migrator',
  params: z.strictObject({ ref: Ref, settings: SwitchSettings, guard: z.string() }),
  retry: PATIENT,
  targets: ({ ref }) => [ref.cluster],

  async run(context) {
    const { ref, settings, guard } = context.params;
    await using client = context.target(ref.cluster, vtctld);
    await settle(context, client, ref, settings);
    if ((await context.guard.find(guard))?.state === 'open') await context.guard.close(guard);
    return undefined;
  },

  undo: { none: 'that clients can write is how it was' },
});
