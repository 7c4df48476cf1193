/**
 * Denies the writes of clients to the table.
 *
 * Changes: the env `replica.deny_client_request` of the table at the source, as the meta has it; replicas learn of it later.
 * Twice is harmless: the value is set, not toggled; the confirmation is never skipped.
 * Guard: must be lifted again, at the latest after `maxDenialMs`; a denial that is not ours is somebody else's and refused.
 */
import type { TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { pegasusCluster } from '../client/index.ts';
import { DeniedBySomebodyElse } from '../errors.ts';
import { DENY_KEY, DENY_WRITES, denialKey, leaseTarget } from '../model.ts';
import { denialOf, liftDenial } from './denial.ts';
import { BRISK, RoundParams } from './settings.ts';
import { wasSwitched } from './switched.ts';

export const denyWrites: TaskDefinition<RoundParams> = defineTask({
  name: 'pegasus.deny-writes',
  role: 'migrator',
  params: RoundParams,
  retry: BRISK,
  targets: ({ source }) => [source],

  async run(context) {
    const { table, from, maxDenialMs, afterDrain, round, ...rest } = context.params;
    // Tried again after the clients were pointed away: nothing is to be denied any more.
    if (await wasSwitched(context)) return { output: { takenAt: context.clock.now(), round } };
    await using source = context.target(context.params.source, pegasusCluster);
    const key = denialKey(table);
    const known = await context.guard.find(key);
    const before = await denialOf(source, table);
    if (before !== null && known?.state !== 'open') throw DeniedBySomebodyElse({ table, value: before });
    const move = { ...rest, table, from, maxDenialMs, ...(afterDrain === undefined ? {} : { afterDrain }) };
    await context.guard.open({
      key,
      what: `writes to ${table} at ${from} are denied`,
      target: leaseTarget(from),
      before: null,
      after: DENY_WRITES,
      maxMs: maxDenialMs,
      close: { task: 'pegasus.lift-denial', params: JSON.parse(JSON.stringify(move)) },
      ...(afterDrain === 'keep-denied' ? { heir: context.operation.owner } : {}),
    });
    await context.effect<string | null>({
      key: 'deny',
      what: `deny writes to ${table}`,
      observe: () => denialOf(source, table),
      wanted: DENY_WRITES,
      act: () => source.setEnv(table, DENY_KEY, DENY_WRITES),
    });
    // The replicas' clocks begin now at the latest.
    return { output: { takenAt: context.clock.now(), round } };
  },

  /** Writes even where nothing is denied: a late "deny" may still land. */
  async undo(context) {
    await liftDenial(context, 'deny');
  },
});
