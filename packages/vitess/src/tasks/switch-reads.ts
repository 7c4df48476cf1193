/**
 * Sends reads (replicas and rdonly tablets) to the targets.
 *
 * Changes: which shards serve them, in every cell.
 * Twice is harmless: the topology says where they are; switching again changes nothing.
 * Nothing is switched before every target has every row, and every vtgate knows its tablets.
 */
import type { TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { z } from 'zod';
import { NoSuchWorkflow } from '../client/errors.ts';
import { vtctld } from '../client/vtctld.ts';
import { READ_TYPES } from '../model.ts';
import type { Place } from '../plan/traffic.ts';
import { SwitchSettings, WorkflowRef } from '../workflow-ref.ts';
import { look, showTraffic } from './look.ts';
import { assertCopied, assertKnown } from './readiness.ts';
import { PATIENT } from './settings.ts';

export interface SwitchParams {
  ref: WorkflowRef;
  settings: SwitchSettings;
}

export const switchReads: TaskDefinition<SwitchParams> = defineTask({
  name: 'vitess.switch-reads',
  role: 'migrator',
  params: z.strictObject({ ref: WorkflowRef, settings: SwitchSettings }),
  retry: PATIENT,
  targets: ({ ref }) => [ref.cluster],

  async run(context) {
    const { ref, settings } = context.params;
    await using client = context.target(ref.cluster, vtctld);
    await context.effect<Place>({
      key: 'reads',
      what: `send the reads of ${ref.keyspace} to ${ref.targetShards.join(', ')}`,
      observe: async () => (await look(client, ref, context.clock.now())).reads,
      wanted: 'target',
      async act() {
        await assertCopied(context, client, ref, settings.maxLagSeconds);
        await assertKnown(context, client, ref, READ_TYPES, settings);
        await client.switchTraffic(ref, {
          tabletTypes: [...READ_TYPES],
          direction: 'forward',
          timeoutMs: settings.switchTimeoutMs,
          maxLagSeconds: settings.maxLagSeconds,
        });
      },
    });
    await showTraffic(context, await look(client, ref, context.clock.now()));
    return undefined;
  },

  /** Sends them back. Deleting the workflow would not: it would leave them at emptied shards. */
  async undo(context) {
    const { ref, settings } = context.params;
    await using client = context.target(ref.cluster, vtctld);
    await context.effect<Place>({
      key: 'reads',
      what: `send the reads of ${ref.keyspace} back to ${ref.sourceShards.join(', ')}`,
      observe: async () => {
        const { reads, status } = await look(client, ref, context.clock.now());
        // Without a workflow there are no rules either, and tables are read where they came from.
        return ref.type === 'move-tables' && status === undefined ? 'source' : reads;
      },
      wanted: 'source',
      async act() {
        try {
          await client.switchTraffic(ref, {
            tabletTypes: [...READ_TYPES],
            direction: 'back',
            timeoutMs: settings.switchTimeoutMs,
            maxLagSeconds: settings.maxLagSeconds,
          });
        } catch (error) {
          if (!NoSuchWorkflow.is(error)) throw error;
        }
      },
    });
    await showTraffic(context, await look(client, ref, context.clock.now()));
  },
});
