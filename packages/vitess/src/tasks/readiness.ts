/** What must be so before any traffic is moved; vtctld asks for little of it. Changes nothing. */
import type { TaskContext } from '@longshore/core';
import type { VtctldClient } from '../client/vtctld.ts';
import { vtgate } from '../client/vtgate.ts';
import { GateBlind, NotCopied } from '../errors.ts';
import type { ServedType } from '../model.ts';
import type { SwitchSettings, WorkflowRef } from '../workflow-ref.ts';
import { look } from './look.ts';

type Context = Pick<TaskContext<unknown>, 'clock' | 'target' | 'signal'>;

/** Throws `LSH_VITESS_NOT_COPIED` where a target lacks rows or is too far behind: reads can be switched to empty shards. */
export async function assertCopied(context: Context, client: VtctldClient, ref: WorkflowRef, maxLagSeconds: number): Promise<void> {
  const { copy } = await look(client, ref, context.clock.now());
  if (!copy.ready) throw NotCopied({ workflow: ref.workflow, why: copy.why });
  const { lagSeconds = 0 } = copy;
  if (lagSeconds > maxLagSeconds)
    throw NotCopied({ workflow: ref.workflow, why: `it is ${lagSeconds} s behind, and ${maxLagSeconds} are allowed` });
}

/**
 * Throws `LSH_VITESS_GATE` while a vtgate does not know the tablets that are to be switched to: vtctld switches all the same, and then every
 * query fails until vtgate looks again. Where no vtgate is named, the tablets must be older than the time between two looks.
 */
export async function assertKnown(
  context: Context,
  client: VtctldClient,
  ref: WorkflowRef,
  types: readonly ServedType[],
  { vtgates, gateRefreshMs }: SwitchSettings,
): Promise<void> {
  const tablets = (await client.tablets(ref.keyspace)).filter(({ shard }) => ref.targetShards.includes(shard));
  const wanted = ref.targetShards.flatMap((shard) =>
    types.filter((type) => tablets.some((tablet) => tablet.shard === shard && tablet.type === type)).map((type) => ({ shard, type })),
  );
  for (const name of vtgates) {
    await using gate = context.target(name, vtgate);
    const known = await gate.tablets();
    const missing = wanted.find(
      ({ shard, type }) => !known.some((one) => one.keyspace === ref.keyspace && one.shard === shard && one.type === type && one.serving),
    );
    if (missing)
      throw GateBlind({ gate: name, missing: `a serving tablet of ${ref.keyspace}/${missing.shard} of the type ${missing.type}` });
  }
  if (vtgates.length > 0) return;
  const newest = Math.max(0, ...tablets.map(({ tablet_start_time: time }) => Number(time?.seconds ?? 0) * 1_000));
  const waitMs = newest + gateRefreshMs - context.clock.now();
  if (waitMs > 0) await context.clock.sleep(waitMs, context.signal);
}
