/**
 * Points the clients to the target: first the meta proxy, then the env that makes those who are connected look it up.
 *
 * Changes: the node of the table in the meta proxy, by its version; then `replica.deny_client_request` of the source, from denying writes to
 * sending everybody away. The second denial takes the place of the first and stays.
 * Twice is harmless: both are set, not toggled; where the meta proxy points to the target already, only the rest is done.
 * Inside the guard: nobody is sent anywhere unless writes are denied still and every partition is drained.
 */
import type { TaskContext, TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { ZooKeeperBadVersion } from '@longshore/zookeeper';
import { type PegasusCluster, pegasusCluster } from '../client/index.ts';
import { DenialGone, FollowerDenied, NotDrained, ProxyChanged } from '../errors.ts';
import { DENY_KEY, DENY_WRITES, denialKey, proxyText, SEND_AWAY } from '../model.ts';
import type { Notes } from '../plan/drain.ts';
import type { Move } from '../plan/migrate.ts';
import { proxyCluster } from '../plan/preflight.ts';
import { zooKeeperOf } from '../reading/proxy.ts';
import { denialOf } from './denial.ts';
import { drainUntil } from './draining.ts';
import { BRISK, MoveParams } from './settings.ts';
import { POINT, SEND, SWITCH } from './switched.ts';

/** Kept of the denial for lifting it, when the switch cannot be made. */
const LIFT_MS = 10_000;

export const switchClients: TaskDefinition<Move> = defineTask({
  name: 'pegasus.switch',
  role: 'migrator',
  params: MoveParams,
  retry: BRISK,
  targets: ({ source, meta }) => [source, meta],

  async run(context) {
    const { table, cluster, from, root } = context.params;
    if (context.task.id !== SWITCH || root === undefined) throw new TypeError(`the task that switches is called ${SWITCH} and has a root`);
    const path = `${root}/${table}`;
    await using source = context.target(context.params.source, pegasusCluster);
    await using target = context.target(context.params.meta, pegasusCluster);
    await using zk = await zooKeeperOf(context, context.params);
    const wanted = proxyText(cluster, target.metas);
    const { openedAt } = (await context.guard.find(denialKey(table))) ?? { openedAt: context.clock.now() };
    let version = -1;
    await context.effect<string>({
      key: POINT,
      what: `point ${path} to ${cluster}`,
      async observe() {
        const node = await zk.get(path);
        version = node.version;
        return node.data.toString('utf8');
      },
      wanted,
      async act() {
        await mayBeSwitched(context, source, target);
        const found = (await zk.get(path)).data.toString('utf8');
        if (proxyCluster(found) !== from) throw ProxyChanged({ path, found: found.slice(0, 200) });
        await context.lease.assertHeld();
        try {
          await zk.set(path, wanted, version);
        } catch (error) {
          // An earlier attempt of ours may have been the one to change it: it is read, as always.
          if (!ZooKeeperBadVersion.is(error)) throw error;
          const now = (await zk.get(path)).data.toString('utf8');
          if (now !== wanted) throw ProxyChanged({ path, found: now.slice(0, 200) });
        }
      },
    });
    const pointedAt = context.clock.now();
    await context.effect<string | null>({
      key: SEND,
      what: `make the clients of ${table} at ${from} look up where it is`,
      observe: () => denialOf(source, table),
      wanted: SEND_AWAY,
      act: () => source.setEnv(table, DENY_KEY, SEND_AWAY),
    });
    await context.guard.replaced(denialKey(table), `the clients are at ${cluster}`);
    // It may have ended before this attempt: then that is when clients stopped to wait.
    const { endedAt } = (await context.guard.find(denialKey(table))) ?? {};
    return {
      output: {
        path,
        text: wanted,
        openedAt,
        pointedAt: Math.min(pointedAt, endedAt ?? pointedAt),
        sentAt: endedAt ?? context.clock.now(),
      },
    };
  },

  final: ({ table, cluster }) => `the clients of ${table} write at ${cluster} now, and nothing of that goes back by itself`,

  undo: { none: 'the clients write at the target now; the report says what the way back is' },
});

/** Asked right before the meta proxy is changed. */
async function mayBeSwitched(context: TaskContext<Move>, source: PegasusCluster, target: PegasusCluster): Promise<void> {
  const { table, cluster, maxDenialMs } = context.params;
  const guard = await context.guard.find(denialKey(table));
  const value = await denialOf(source, table);
  if (guard?.state !== 'open' || value !== DENY_WRITES) throw DenialGone({ table, value });
  const there = await target.table(table);
  const denied = there?.envs.get(DENY_KEY);
  if (denied !== undefined) throw FollowerDenied({ table, cluster, value: denied });
  const before = await lastDrain(context);
  // A partition that has another primary since is drained once more: what its predecessor had prepared counts.
  const until = guard.openedAt + maxDenialMs - Math.min(LIFT_MS, maxDenialMs / 30);
  const { drained, partitions } = await drainUntil(context, source, context.params, before.takenAt, until, before.notes);
  if (!drained || context.clock.now() >= until)
    throw NotDrained({ table, partitions, seconds: Math.round(maxDenialMs / 1000), denials: 1 });
}

/** What the last draining has noted. */
async function lastDrain(context: TaskContext<Move>): Promise<{ takenAt: number; notes: Notes }> {
  for (let round = context.params.denials; round >= 1; round -= 1) {
    const output = await context.resultOf(round === 1 ? 'drain' : `drain-${round}`);
    if (typeof output === 'object' && output !== null && 'notes' in output) return output as unknown as { takenAt: number; notes: Notes };
  }
  throw new TypeError('no draining has ended well');
}
