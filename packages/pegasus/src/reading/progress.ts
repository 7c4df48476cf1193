/** Reads how far a duplication is, from the best that the servers of a cluster offer. Changes nothing. */
import type { PegasusCluster } from '../client/index.ts';
import type { DuplicationProgress, PartitionProgress, Proof } from '../model.ts';

/** Nodes that are asked at a time. */
const NODES_AT_ONCE = 16;

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
  const primaries = new Set((config?.partitions ?? []).flatMap(({ primary }) => (primary === null ? [] : [primary])));
  const at = now();
  const own =
    config === undefined || proof === 'decrees' ? new Map<number, Own>() : await ownAccounts(source, primaries, config.appId, dupid, proof);
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
        committed: state?.lastCommittedDecree ?? null,
        notConfirmed: account?.notConfirmed ?? null,
        notShipped: account?.notShipped ?? null,
      };
    }),
  };
}

interface Own {
  notConfirmed: number | null;
  notShipped: number | null;
}

/** What the primaries say themselves. A node that does not answer says nothing: its partitions stay unknown, and nothing is concluded. */
async function ownAccounts(
  source: PegasusCluster,
  primaries: ReadonlySet<string>,
  appId: number,
  dupid: number,
  proof: Proof,
): Promise<Map<number, Own>> {
  const found = new Map<number, Own>();
  const queue = [...primaries];
  const work = async (): Promise<void> => {
    for (let address = queue.shift(); address !== undefined; address = queue.shift()) {
      const node = source.node(address);
      if (proof === 'page') {
        const partitions = (await node.shipping(appId).catch(() => undefined))?.get(dupid);
        for (const [partition, account] of partitions ?? []) found.set(partition, account);
      } else if (proof === 'metrics') {
        const partitions = await node.metrics(appId, ['dup_pending_mutations']).catch(() => undefined);
        for (const [partition, values] of partitions ?? [])
          found.set(partition, { notConfirmed: null, notShipped: values.get('dup_pending_mutations') ?? null });
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(NODES_AT_ONCE, queue.length) }, work));
  return found;
}
