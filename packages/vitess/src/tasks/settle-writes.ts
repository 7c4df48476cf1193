/**
 * Closes the guard of a switch of writes, in its place and whenever the operation cannot go on: clients must be able to write, here or there.
 *
 * Changes: a switch that stands half-way is finished, in the direction in which it was begun: the other one would change nothing.
 * Twice is harmless: where writes are taken, nothing is done.
 */
import type { TaskContext, TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { z } from 'zod';
import { OutcomeUnknown } from '../client/errors.ts';
import type { SwitchOptions, VtctldClient } from '../client/vtctld.ts';
import { vtctld } from '../client/vtctld.ts';
import { WritesStopped } from '../errors.ts';
import type { WorkflowRef } from '../workflow-ref.ts';
import { WorkflowRef as Ref, SwitchSettings } from '../workflow-ref.ts';
import { lookAtWrites } from './look.ts';
import { PATIENT } from './settings.ts';

export interface SettleParams {
  ref: WorkflowRef;
  settings: SwitchSettings;
  /** Where the switch was to send writes. */
  direction: SwitchOptions['direction'];
  /** The guard to be closed. */
  guard: string;
}

/** Sees to it that clients can write. A lag that would forbid a switch forbids no rescue. */
export async function settle(
  context: Pick<TaskContext<unknown>, 'lease'>,
  client: VtctldClient,
  ref: WorkflowRef,
  settings: SwitchSettings,
  direction: SwitchOptions['direction'],
): Promise<void> {
  if ((await lookAtWrites(client, ref)).writes !== 'stopped') return;
  await context.lease.assertHeld();
  let refusal: unknown;
  try {
    await client.switchTraffic(ref, {
      tabletTypes: ['PRIMARY'],
      direction,
      timeoutMs: settings.switchTimeoutMs,
      maxLagSeconds: 3_600,
    });
  } catch (error) {
    // Left alone until it can no longer take effect; a refusal is worth another try as long as clients cannot write.
    if (OutcomeUnknown.is(error)) throw error;
    refusal = error;
  }
  const { writes, traffic } = await lookAtWrites(client, ref);
  if (writes === 'stopped') throw WritesStopped({ keyspace: ref.sourceKeyspace, traffic }, { cause: refusal });
}

export const settleWrites: TaskDefinition<SettleParams> = defineTask({
  name: 'vitess.settle-writes',
  role: 'migrator',
  params: z.strictObject({
    ref: Ref,
    settings: SwitchSettings,
    direction: z.enum(['forward', 'back']).default('forward'),
    guard: z.string(),
  }),
  retry: PATIENT,
  targets: ({ ref }) => [ref.cluster],

  async run(context) {
    const { ref, settings, direction, guard } = context.params;
    await using client = context.target(ref.cluster, vtctld);
    await settle(context, client, ref, settings, direction);
    if ((await context.guard.find(guard))?.state === 'open') await context.guard.close(guard);
    return undefined;
  },

  undo: { none: 'that clients can write is how it was' },
});
