/** A cluster in memory with clients that never rest, a fleet, and the check that matters: every type of tablet is asked for every row. */
import type { OperationHeader, SystemPackage } from '@longshore/core';
import type { ClusterOptions, VtctldStandIn, Writer } from '@longshore/sandbox';
import { Cluster, keepWriting, startVtctld } from '@longshore/sandbox';
import { vitess } from '@longshore/vitess';
import { expect } from 'vitest';
import type { VitessFleet } from './fleet.ts';
import { startVitessFleet } from './fleet.ts';

export const ROWS = 120;
export const KEYSPACE = 'customer';
export const TABLE = 'orders';

export interface World extends AsyncDisposable {
  cluster: Cluster;
  vtctld: VtctldStandIn;
  fleet: VitessFleet;
  writer: Writer;
}

/** Nothing here takes a minute to lose its effect. */
const quick: SystemPackage = {
  ...vitess,
  kinds: vitess.kinds.map((kind) => (kind.actionMs === undefined ? kind : { ...kind, actionMs: 300 })),
};

export const UNSHARDED = 'commerce';

export async function startWorld(options: Partial<ClusterOptions> = {}): Promise<World> {
  const cluster = new Cluster({
    keyspaces: {
      [KEYSPACE]: { shards: ['-'], targets: ['-80', '80-'], tables: { [TABLE]: ROWS, corder: 30 } },
      [UNSHARDED]: { shards: ['0'], sharded: false, tables: { product: 40 } },
    },
    ...options,
  });
  const vtctld = await startVtctld(cluster);
  const fleet = await startVitessFleet({
    targets: { vt: vtctld.address, gate: vtctld.address },
    system: quick,
    settings: { settleMs: 20 },
  });
  const writer = keepWriting(cluster, KEYSPACE, TABLE);
  return {
    cluster,
    vtctld,
    fleet,
    writer,
    async [Symbol.asyncDispose]() {
      await writer.stop();
      await fleet[Symbol.asyncDispose]();
      await vtctld.close();
      cluster[Symbol.dispose]();
    },
  };
}

export const RESHARD = {
  kind: 'vitess.reshard',
  params: {
    cluster: 'vt',
    keyspace: KEYSPACE,
    sourceShards: ['-'],
    targetShards: ['-80', '80-'],
    workflow: 'rs',
    vtgates: ['gate'],
    watchMs: 20,
    pollMs: 10,
  },
};

export const errorOf = ({ state, error }: OperationHeader): [string, string | undefined] => [state, error?.code];

/** Clients could write, and every row they were told of is found by every type of tablet. They go on afterwards. */
export async function expectServed({ writer }: Pick<World, 'writer'>): Promise<void> {
  await writer.reached(writer.acknowledged + 20);
  // What follows by replication is given the time of it.
  await writer.pause();
  expect(writer.problems()).toEqual([]);
  writer.resume();
}
