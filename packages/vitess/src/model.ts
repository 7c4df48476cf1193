/** A Vitess cluster as planners see it: keyspaces of shards, what they serve to whom, and the workflows that copy between them. */

/** Which program of Vitess up to version 7 runs a command. */
export type Program = 'vtctl' | 'vtworker';

/** What clients ask for: `PRIMARY` takes writes, the others are read. */
export type ServedType = 'PRIMARY' | 'REPLICA' | 'RDONLY';
export const SERVED_TYPES: readonly ServedType[] = ['PRIMARY', 'REPLICA', 'RDONLY'];
/** Those that take no writes. */
export const READ_TYPES: readonly ServedType[] = ['RDONLY', 'REPLICA'];

/** What a lease on a cluster is called. A cluster goes by the address of its vtctld. */
export function leaseTarget(address: string): string {
  return `vitess:${address}`;
}

/** The part of a cluster that a keyspace is. No name of a keyspace holds a slash, so none is a prefix of another. */
export function leaseScope(keyspace: string): string {
  return `${keyspace}/`;
}

/** The guard that is open while writes to a keyspace may be stopped by us. */
export function stoppedWritesKey(keyspace: string): string {
  return `stopped-writes:${keyspace}`;
}

/** The guard that is open while a type that a shard serves (`master`, `replica`, `rdonly`) may be stopped by its migration, in Vitess up to 7. */
export function stoppedKey(place: string, type: string): string {
  return type === 'master' ? stoppedWritesKey(place) : `stopped-reads:${type}:${place}`;
}

/** The target behind an endpoint as the old automation gave it: `host:port`, or the name of a configured target. */
export function endpointTarget(endpoint: string): string {
  return /^(\[[0-9a-fA-F:]+\]|[\w.-]+):\d{1,5}$/.test(endpoint) ? `grpc://${endpoint}` : endpoint;
}
