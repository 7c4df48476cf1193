/** Which node serves which partitions of a table. */
import type { TableConfig } from '../client/cluster.ts';

/** Nodes that are asked at a time. */
export const NODES_AT_ONCE = 16;

/** By address of a node, the partitions whose primary it is. */
export function primariesOf({ partitions }: Pick<TableConfig, 'partitions'>): Map<string, Set<number>> {
  const found = new Map<string, Set<number>>();
  for (const { pid, primary } of partitions) if (primary !== null) found.set(primary, (found.get(primary) ?? new Set()).add(pid.partition));
  return found;
}
