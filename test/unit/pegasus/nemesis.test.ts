/**
 * Migrations under seeded trouble: random tables, backlogs and rates; calls that break off, metas that change places, primaries that move,
 * shipping that stands still, workers that die. Whenever a table is called drained, nothing that a client has written is left behind, and at
 * the end clients can write. PEGASUS_SEEDS says how many seeds (5).
 */
import { seededRandom } from '@longshore/core';
import type { PegasusFault } from '@longshore/sandbox';
import { expect, test } from 'vitest';
import { startPegasusFleet, TENTH_PARAMS } from '../../support/pegasus-fleet.ts';

const SEEDS = Number(process.env.PEGASUS_SEEDS ?? 5);
const FIRST_SEED = Number(process.env.PEGASUS_SEED ?? 1);
const FAULTS: readonly PegasusFault[] = [
  { kind: 'cut-before' },
  { kind: 'cut-after' },
  { kind: 'delay', ms: 1_500 },
  { kind: 'truncated' },
  { kind: 'oversized' },
  { kind: 'wrong-seq' },
  { kind: 'header-error', name: 'ERR_BUSY' },
  { kind: 'error', name: 'ERR_TRY_AGAIN' },
];
const CALLS = [
  /RPC_CM_QUERY/,
  /RPC_CM_UPDATE_APP_ENV/,
  /RPC_CM_LIST_APPS/,
  /RPC_CM_ADD/,
  /GET .replica.duplication/,
  /RPC_CM_CLUSTER_INFO/,
];
const EFFECTS = ['pegasus.duplicate/add-duplication', 'pegasus.deny-writes/deny', 'pegasus.end-denial/lift'];

async function migrateUnderTrouble(seed: number): Promise<{ told: string[]; drained: number | undefined }> {
  const random = seededRandom(seed);
  const pick = <T>(all: readonly T[]): T => all[Math.floor(random.next() * all.length)]!;
  const upTo = (most: number): number => Math.floor(random.next() * most);
  const partitions = 1 + upTo(8);
  const told: string[] = [`seed ${seed}: ${partitions} partitions`];
  await using fleet = await startPegasusFleet({
    source: {
      dialect: pick(['2.4', '2.6']),
      shippingPage: random.next() < 0.7,
      replicas: 3 + upTo(3),
      shipsPerSecond: 50 + upTo(500),
      wroteWhileCopying: upTo(2_000),
      tables: [{ name: 'temp', partitions, committed: 10 + upTo(1_000), writesPerSecond: upTo(40) }],
    },
  });
  const { state, faults } = fleet.source;
  for (let at = upTo(4); at > 0; at -= 1) {
    const [call, fault, times] = [pick(CALLS), pick(FAULTS), 1 + upTo(3)];
    told.push(`${times} × ${call.source}: ${JSON.stringify(fault)}`);
    faults.add((request) => call.test(request.call) && random.next() < 0.3, fault, times);
  }
  const events = Array.from({ length: upTo(5) }, () => ({
    afterMs: upTo(40_000),
    what: pick(['leader', 'primary', 'stuck', 'go on'] as const),
  }));
  for (const { afterMs, what } of events) {
    told.push(`${what} after ${afterMs} ms`);
    void fleet.clock.sleep(afterMs).then(() => {
      if (what === 'leader') state.leader = 1 - state.leader;
      if (what === 'primary') state.movePrimary(state.table('temp')!, upTo(partitions));
      if (what === 'stuck') state.settings.stuck = true;
      if (what === 'go on') state.settings.stuck = false;
    });
  }
  if (random.next() < 0.3) {
    const [effect, when] = [pick(EFFECTS), pick(['before', 'after'] as const)];
    told.push(`a worker dies ${when} ${effect}`);
    fleet.dieAt(effect, when);
  }
  let drained: number | undefined;
  fleet.around = async (effect, when) => {
    if (effect === 'pegasus.end-denial/lift' && when === 'before') drained ??= state.unshipped('temp');
  };
  const header = await fleet.run({
    kind: 'pegasus.migrate-table',
    params: {
      table: 'temp',
      source: fleet.source.metas,
      meta: fleet.target.metas,
      cluster: 'onebox2',
      afterDrain: 'lift',
      ...TENTH_PARAMS,
      maxDenialMs: 60_000,
      denials: 2,
      threshold: 1 + upTo(3_000),
    },
  });
  told.push(`${header.state} ${header.error?.message ?? ''}`);
  // Servers of 2.4 without the page tell nothing but counters: refused, and nothing was changed.
  if (header.startedAt === undefined) expect(state.history, told.join('\n')).toEqual([]);
  expect(state.table('temp')?.envs.get('replica.deny_client_request'), told.join('\n')).toBeUndefined();
  expect(state.history.filter((line) => line.startsWith('add ')).length, told.join('\n')).toBeLessThanOrEqual(1);
  if (drained !== undefined) expect(drained, told.join('\n')).toBe(0);
  return { told, drained };
}

const seeds = Array.from({ length: SEEDS }, (_, at) => FIRST_SEED + at);
test.each(seeds)('seed %i', { timeout: 180_000 }, async (seed) => {
  await migrateUnderTrouble(seed);
});
