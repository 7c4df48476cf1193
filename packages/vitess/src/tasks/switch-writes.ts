/**
 * Sends writes to the targets. vtctld stops them at the source, lets the targets catch up, and allows them there, all in one call; from its
 * journal entry on it can only be finished.
 *
 * Changes: which shards take writes; it makes the reverse workflow, which carries writes back to the source.
 * Twice is harmless: the same call finishes one that stands half-way, and changes nothing where it is finished.
 * Guard: writes may be stopped while it lasts. Whatever comes, the closing finishes the switch or sees that the source takes writes.
 */
import type { Json, TaskContext, TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { z } from 'zod';
import { OutcomeUnknown } from '../client/errors.ts';
import type { SwitchOptions, VtctldClient } from '../client/vtctld.ts';
import { vtctld } from '../client/vtctld.ts';
import { ReverseMissing } from '../errors.ts';
import { leaseTarget, stoppedWritesKey } from '../model.ts';
import type { WritesPlace } from '../plan/traffic.ts';
import { withoutWayBack } from '../plan/traffic.ts';
import type { WorkflowRef } from '../workflow-ref.ts';
import { WorkflowRef as Ref, SwitchSettings } from '../workflow-ref.ts';
import { look, lookAtWrites, showTraffic } from './look.ts';
import { assertCopied, assertKnown } from './readiness.ts';
import { BRISK } from './settings.ts';
import { settle } from './settle-writes.ts';

export interface SwitchWritesParams {
  ref: WorkflowRef;
  settings: SwitchSettings;
  /** Writes are left stopped for no longer than this before it is finished by force. */
  maxStopMs: number;
}

type Context = TaskContext<SwitchWritesParams>;

type Direction = SwitchOptions['direction'];

const place = async (client: VtctldClient, ref: WorkflowRef): Promise<WritesPlace> => (await lookAtWrites(client, ref)).writes;

/** Sends writes one way inside a guard, or sees that they have gone there. */
async function send(context: Context, client: VtctldClient, key: string, direction: Direction): Promise<void> {
  const { ref, settings, maxStopMs } = context.params;
  const wanted = direction === 'forward' ? 'target' : 'source';
  const to = direction === 'forward' ? `to ${ref.keyspace}/${ref.targetShards}` : `back to ${ref.sourceKeyspace}/${ref.sourceShards}`;
  await context.guard.open({
    key,
    what: `writes to ${ref.sourceKeyspace} may be stopped by a switch`,
    target: leaseTarget(client.address),
    before: 'allowed',
    after: wanted,
    maxMs: maxStopMs,
    close: { task: 'vitess.settle-writes', params: { ref, settings, direction, guard: key } as unknown as Json },
  });
  await context.effect<WritesPlace>({
    key: 'writes',
    what: `send the writes of ${ref.sourceKeyspace} ${to.replaceAll(',', ', ')}`,
    observe: () => place(client, ref),
    wanted,
    async act() {
      try {
        await client.switchTraffic(ref, {
          tabletTypes: ['PRIMARY'],
          direction,
          timeoutMs: settings.switchTimeoutMs,
          maxLagSeconds: settings.maxLagSeconds,
        });
      } catch (error) {
        // Refused behind its journal, the same call finishes it; nothing waits for another attempt while clients cannot write.
        if (OutcomeUnknown.is(error) || (await place(client, ref)) !== 'stopped') throw error;
        await settle(context, client, ref, settings, direction);
      }
    },
  });
  await context.guard.close(key);
}

/** The way back must run before anybody relies on it. */
async function assertWayBack(context: Context, client: VtctldClient): Promise<void> {
  const { ref } = context.params;
  let shards: string[] = [];
  await context
    .confirm(
      `the reverse workflow of ${ref.workflow} runs`,
      async () => {
        const { reverse, copy } = await look(client, ref, context.clock.now());
        shards = withoutWayBack(ref, reverse);
        return shards.length === 0 || `nothing runs for ${shards.join(', ')} (${copy.why || 'the forward one is well'})`;
      },
      { deadlineMs: 10_000 },
    )
    .catch(() => {
      throw ReverseMissing({ workflow: ref.workflow, shards: shards.join(', ') });
    });
}

export const switchWrites: TaskDefinition<SwitchWritesParams> = defineTask({
  name: 'vitess.switch-writes',
  role: 'migrator',
  params: z.strictObject({ ref: Ref, settings: SwitchSettings, maxStopMs: z.int().positive() }),
  retry: BRISK,
  targets: ({ ref }) => [ref.cluster],

  async run(context) {
    const { ref, settings } = context.params;
    await using client = context.target(ref.cluster, vtctld);
    const key = stoppedWritesKey(ref.sourceKeyspace);
    if ((await place(client, ref)) === 'source') {
      // Outside the guard: none of it takes time while writes are stopped.
      await assertCopied(context, client, ref, settings.maxLagSeconds);
      await assertKnown(context, client, ref, ['PRIMARY'], settings);
    }
    await send(context, client, key, 'forward');
    await assertWayBack(context, client);
    await showTraffic(context, await look(client, ref, context.clock.now()));
    return undefined;
  },

  /** Sends them back with everything that was written since; the reverse workflow has carried it along. */
  async undo(context) {
    const { ref, settings } = context.params;
    await using client = context.target(ref.cluster, vtctld);
    const key = `${stoppedWritesKey(ref.sourceKeyspace)}:back`;
    const found = await context.guard.find(key);
    // One that stands half-way can only be finished, the way it was begun; then it goes back as a whole.
    if ((await place(client, ref)) === 'stopped') await settle(context, client, ref, settings, found ? 'back' : 'forward');
    if ((await place(client, ref)) !== 'source') await send(context, client, key, 'back');
    else if (found?.state === 'open') await context.guard.close(key);
    await showTraffic(context, await look(client, ref, context.clock.now()));
  },
});
