/** What must be so before an operation of the original is begun: it asks for nothing itself, and fails halfway where something is missing. Pure. */
import type { Finding } from '@longshore/core';

export interface ShardPlace {
  keyspace: string;
  shard: string;
  side: 'source' | 'target';
}

/** Shards by keyspace; undefined for a keyspace that is not there. */
export type SeenShards = Readonly<Record<string, Readonly<Record<string, { serving: boolean; hasMaster: boolean }>> | undefined>>;

export function legacyFindings(places: readonly ShardPlace[], seen: SeenShards): Finding[] {
  const findings: Finding[] = [];
  const error = (text: string): void => void findings.push({ level: 'error', text });
  const missing = new Set<string>();
  for (const { keyspace, shard, side } of places) {
    const shards = seen[keyspace];
    const found = shards?.[shard];
    if (shards === undefined) {
      if (!missing.has(keyspace)) error(`there is no keyspace ${keyspace}`);
      missing.add(keyspace);
    } else if (found === undefined)
      error(`there is no shard ${keyspace}/${shard}; its keyspace has ${Object.keys(shards).sort().join(', ') || 'none'}`);
    else if (!found.hasMaster) error(`${keyspace}/${shard} has no master`);
    else if (side === 'source' && !found.serving) error(`${keyspace}/${shard} takes no writes, so it is no source`);
  }
  return findings;
}
