/**
 * Whether what the servers estimate of their rows says anything. Pure. The estimate is RocksDB's: it counts what was overwritten, deleted or
 * has expired until that is compacted, and servers renew it every minute or every ten, by their version. A copy is compacted otherwise than
 * its original. So two of them agree, or they say nothing; neither is ever proof.
 */

/** What the primary of each partition estimates; null: it tells nothing. */
export interface RowEstimate {
  cluster: string;
  rows: { [partition: string]: number | null };
}
/** An estimate, or why there is none. */
export type RowsRead = RowEstimate | { why: string };

/** Two estimates of a partition agree when they differ by no more than this part of the larger, or by so few rows. */
const SHARE = 0.1;
const FEW_ROWS = 100;

export interface RowVerdict {
  /** What the report says. */
  text: string;
  agree: boolean;
}

export function totalOf({ rows }: RowEstimate): number {
  return Object.values(rows).reduce<number>((sum, one) => sum + (one ?? 0), 0);
}

/** The source before writes were denied, and the target after that. */
export function compareRows(before: RowsRead, after: RowsRead): RowVerdict {
  const not = (why: string): RowVerdict => ({ text: `rows: not counted, ${why}`, agree: false });
  if ('why' in before) return not(before.why);
  if ('why' in after) return not(after.why);
  for (const one of [before, after]) {
    const silent = Object.keys(one.rows).filter((partition) => one.rows[partition] === null);
    if (silent.length > 0) return not(`${one.cluster} does not tell them of ${named(silent)}`);
  }
  const partitions = [...new Set([...Object.keys(before.rows), ...Object.keys(after.rows)])];
  // A replica that was opened since they were renewed shows 0.
  const fresh = partitions.filter((partition) => after.rows[partition] === 0 && (before.rows[partition] ?? 0) > FEW_ROWS);
  if (fresh.length > 0) return not(`${after.cluster} has made no estimate yet of ${named(fresh)}; servers renew them every 1 to 10 min`);
  const both = `about ${count(totalOf(before))} at ${before.cluster} before writes were denied, about ${count(totalOf(after))} at ${after.cluster} after that`;
  const apart = partitions.filter((partition) => !agree(before.rows[partition] ?? 0, after.rows[partition] ?? 0));
  if (apart.length > 0)
    return not(
      `the estimates of the servers are too far apart to say anything (${both}; more than ${SHARE * 100} % in ${named(apart)}), as they may be where one of the two is compacted`,
    );
  return {
    text: `rows, estimated by the servers and no proof: ${both}; within ${SHARE * 100} % in each partition`,
    agree: true,
  };
}

function agree(one: number, other: number): boolean {
  return Math.abs(one - other) <= Math.max(FEW_ROWS, SHARE * Math.max(one, other));
}

const count = (value: number): string => value.toLocaleString('en-US');

function named(partitions: string[]): string {
  const shown = partitions.slice(0, 8).join(', ');
  return `${partitions.length === 1 ? 'partition' : `${partitions.length} partitions:`} ${shown}${partitions.length > 8 ? ', …' : ''}`;
}
