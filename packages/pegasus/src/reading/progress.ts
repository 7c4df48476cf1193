/** Reads how far a duplication is, from the best that the servers of a cluster offer. Changes nothing. */
import type { PegasusCluster, PegasusNode } from '../client/index.ts';
import type { DuplicationProgress, PartitionProgress, Proof } from '../model.ts';
import { NODES_AT_ONCE, primariesOf } from './primaries.ts';

const PENDING_METRIC = 'dup_pending_mutations';
const PENDING_COUNTER = 'dup.pending_mutations_count';

export interface Asked {
  table: string;
  dupid: number;
  proof: Proof;
}

/** `undefined` when there is no such duplication any more. */
export async function readProgress(
  source: PegasusCluster,
  { table, dupid, proof }: Asked,
  now: () => number,
): Promise<DuplicationProgress | undefined> {
  // In this order: what the meta has stored as confirmed is never behind what a primary had been told before it was asked.
  const config = await source.config(table);
  const at = now();
  const own =
    config === undefined || proof === 'decrees'
      ? new Map<number, Own>()
      : await ownAccounts(source, primariesOf(config), config.appId, dupid, proof);
  const entry = (await source.duplications(table))?.find((one) => one.dupid === dupid);
  if (config === undefined || entry === undefined) return undefined;
  return {
    at,
    status: entry.status,
    failMode: entry.failMode ?? 'FAIL_SLOW',
    partitions: config.partitions.map(({ pid, ballot, primary }): PartitionProgress => {
      const state = entry.partitionStates?.get(pid.partition);
      const account = own.get(pid.partition);
      return {
        partition: pid.partition,
        ballot,
        primary,
        confirmed: state?.confirmedDecree ?? entry.progress?.get(pid.partition) ?? -1,
        committed: state === undefined ? null : told(state),
        notConfirmed: account?.notConfirmed ?? null,
        notShipped: account?.notShipped ?? null,
      };
    }),
  };
}

/**
 * What a primary has told the meta of its commits. A meta that has just begun to lead has not been told yet: it knows what was confirmed,
 * which is stored, and shows less than that as committed.
 */
function told({ confirmedDecree, lastCommittedDecree }: { confirmedDecree: number; lastCommittedDecree: number }): number | null {
  return lastCommittedDecree < Math.max(0, confirmedDecree) ? null : lastCommittedDecree;
}

interface Own {
  notConfirmed: number | null;
  notShipped: number | null;
}

/**
 * What the primaries say themselves, each of its own partitions only: a secondary has the same metrics, and a former primary may list what is
 * not its own any more. A node that does not answer says nothing: its partitions stay unknown, and nothing is concluded.
 */
async function ownAccounts(
  source: PegasusCluster,
  primaries: ReadonlyMap<string, ReadonlySet<number>>,
  appId: number,
  dupid: number,
  proof: Proof,
): Promise<Map<number, Own>> {
  const found = new Map<number, Own>();
  const queue = [...primaries];
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [address, own] = next;
      const accounts = await accountsOf(source.node(address), own, appId, dupid, proof).catch(() => undefined);
      for (const [partition, account] of accounts ?? []) if (own.has(partition)) found.set(partition, account);
    }
  };
  await Promise.all(Array.from({ length: Math.min(NODES_AT_ONCE, queue.length) }, work));
  return found;
}

async function accountsOf(
  node: PegasusNode,
  own: ReadonlySet<number>,
  appId: number,
  dupid: number,
  proof: Proof,
): Promise<Iterable<[number, Own]> | undefined> {
  if (proof === 'page') return (await node.shipping(appId))?.get(dupid);
  if (proof === 'metrics')
    return [...((await node.metrics(appId, [PENDING_METRIC])) ?? [])].map(([partition, values]) => [
      partition,
      { notConfirmed: null, notShipped: values.get(PENDING_METRIC) ?? null },
    ]);
  // One number for all that this node ships, of whichever table: while it is not 0, any of its partitions may be behind.
  const waits = (await node.counters(PENDING_COUNTER))?.find(({ name }) => name.endsWith(`*${PENDING_COUNTER}`))?.value;
  if (waits === undefined) return undefined;
  return [...own].map((partition) => [partition, { notConfirmed: null, notShipped: Math.ceil(waits / own.size) }]);
}
