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
import type { VtctldClient } from '../client/vtctld.ts';
import { vtctld } from '../client/vtctld.ts';
import { ReverseMissing } from '../errors.ts';
import { leaseTarget, stoppedWritesKey } from '../model.ts';
import type { WritesPlace } from '../plan/traffic.ts';
import { withoutWayBack } from '../plan/traffic.ts';
import type { WorkflowRef } from '../workflow-ref.ts';
import { WorkflowRef as Ref, SwitchSettings } from '../workflow-ref.ts';
import { look, showTraffic } from './look.ts';
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

const place = async ({ clock }: Context, client: VtctldClient, ref: WorkflowRef): Promise<WritesPlace> =>
  (await look(client, ref, clock.now())).writes;

async function openGuard(context: Context, client: VtctldClient, key: string, after: WritesPlace): Promise<void> {
  const { ref, settings, maxStopMs } = context.params;
  await context.guard.open({
    key,
    what: `writes to ${ref.sourceKeyspace} may be stopped by a switch`,
    target: leaseTarget(client.address),
    before: 'allowed',
    after,
    maxMs: maxStopMs,
    close: { task: 'vitess.settle-writes', params: { ref, settings, guard: key } as unknown as Json },
  });
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
    if ((await place(context, client, ref)) === 'source') {
      // Outside the guard: none of it takes time while writes are stopped.
      await assertCopied(context, client, ref, settings.maxLagSeconds);
      await assertKnown(context, client, ref, ['PRIMARY'], settings);
    }
    await openGuard(context, client, key, 'target');
    await context.effect<WritesPlace>({
      key: 'writes',
      what: `send the writes of ${ref.sourceKeyspace} to ${ref.keyspace}/${ref.targetShards.join(', ')}`,
      observe: () => place(context, client, ref),
      wanted: 'target',
      async act() {
        await client.switchTraffic(ref, {
          tabletTypes: ['PRIMARY'],
          direction: 'forward',
          timeoutMs: settings.switchTimeoutMs,
          maxLagSeconds: settings.maxLagSeconds,
        });
      },
    });
    await context.guard.close(key);
    await assertWayBack(context, client);
    await showTraffic(context, await look(client, ref, context.clock.now()));
    return undefined;
  },

  /** Sends them back with everything that was written since; the reverse workflow has carried it along. */
  async undo(context) {
    const { ref, settings } = context.params;
    await using client = context.target(ref.cluster, vtctld);
    const key = `${stoppedWritesKey(ref.sourceKeyspace)}:back`;
    // One that stands half-way can only be finished; then it goes back as a whole.
    if ((await place(context, client, ref)) === 'stopped') await settle(context, client, ref, settings);
    if ((await place(context, client, ref)) === 'source') return;
    await openGuard(context, client, key, 'source');
    await context.effect<WritesPlace>({
      key: 'writes',
      what: `send the writes of ${ref.sourceKeyspace} back to ${ref.sourceKeyspace}/${ref.sourceShards.join(', ')}`,
      observe: () => place(context, client, ref),
      wanted: 'source',
      async act() {
        await client.switchTraffic(ref, {
          tabletTypes: ['PRIMARY'],
          direction: 'back',
          timeoutMs: settings.switchTimeoutMs,
          maxLagSeconds: settings.maxLagSeconds,
        });
      },
    });
    await context.guard.close(key);
    await showTraffic(context, await look(client, ref, context.clock.now()));
  },
});
