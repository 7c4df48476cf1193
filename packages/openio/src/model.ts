/**
 * The nouns of OpenIO's directory, as far as moving meta2 bases needs them.
 *
 * A **container** has one **base** (a SQLite file) on each of a few **services** of type meta2. Which ones stands in three places: the row
 * in meta1 (**hosts**), the base's own `sys.peers` on each replica (**peers**), and the **election**, where each service that takes part
 * is a **member** and keeps the peers it was begun with. All three must say the same.
 */

/** A meta2 service as the conscience lists it. `id` is what meta1 and `sys.peers` hold. */
export interface Service {
  id: string;
  /** Dotted path of at most four levels: `dc.rack.server.disk`. */
  location: string;
  /** 0..100; 0: place nothing new; negative: unset. */
  score: number;
  up: boolean;
  slots: string[];
  /** Directory of its bases on its host. */
  volume: string;
  /** Free space in percent, where it is told. */
  spacePercent: number | undefined;
}

/** A container's rows of type meta2 in meta1, by sequence. */
export interface Reference {
  cid: string;
  account: string;
  name: string;
  rows: { seq: number; hosts: string[]; args: string }[];
}

/** What one service says of its part in the election of a base; null: it has never heard of it. */
export interface MemberState {
  url: string;
  state: string;
  /** Sequence of its node; null: it has none. */
  id: number | null;
  masterUrl: string | null;
  /** Whether it knows of a master, itself included. */
  masterId: number | null;
  /** Without itself; null: it has forgotten them, as releases since 2019 do when they have left. */
  peers: string[] | null;
  /** Newest first: `epoch_ms:BEFORE:EVENT:AFTER`. */
  log: string[];
}

/** One service's answer to something that all were asked: OpenIO's own code, never the status of the whole reply. */
export interface PeerAnswer {
  code: number;
  message: string;
  body: unknown;
}
export type PeerAnswers = Map<string, PeerAnswer>;

/** The part of a base's `admin` table that clients may set, and the rest. All values are texts. */
export interface BaseProperties {
  properties: Record<string, string>;
  system: Record<string, string>;
}

export const STATUS = { enabled: '0', frozen: '4294967295', disabled: '4294967294' } as const;

/** Enabled where nothing is said. */
export function statusName(system: Readonly<Record<string, string>>): 'enabled' | 'frozen' | 'disabled' | 'unknown' {
  const value = system['sys.status'] ?? STATUS.enabled;
  if (value === STATUS.enabled) return 'enabled';
  if (value === STATUS.frozen) return 'frozen';
  return value === STATUS.disabled ? 'disabled' : 'unknown';
}

/** Versions of the tables of a base, by table. */
export function versionsOf(system: Readonly<Record<string, string>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(system)
      .filter(([key]) => key.startsWith('version:'))
      .map(([key, value]) => [key, Number(value.split(':')[0])]),
  );
}

/** How one replica's versions stand to another's. */
export type Standing = 'equal' | 'behind' | 'ahead' | 'apart';
export function compareVersions(mine: Readonly<Record<string, number>>, theirs: Readonly<Record<string, number>>): Standing {
  let behind = false;
  let ahead = false;
  for (const key of new Set([...Object.keys(mine), ...Object.keys(theirs)])) {
    const difference = (mine[key] ?? 0) - (theirs[key] ?? 0);
    behind ||= difference < 0;
    ahead ||= difference > 0;
  }
  if (behind) return ahead ? 'apart' : 'behind';
  return ahead ? 'ahead' : 'equal';
}

export function peersOf(system: Readonly<Record<string, string>>): string[] {
  const value = system['sys.peers'];
  return value === undefined || value === '' ? [] : value.split(',').sort();
}

/** As `sys.peers` and meta1 are written: sorted, with commas. */
export function joined(ids: readonly string[]): string {
  return [...ids].sort().join(',');
}

export function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return joined([...new Set(a)]) === joined([...new Set(b)]);
}

/** What a lease on a namespace is called, and the part of it that one container is. */
export function leaseTarget(namespace: string): string {
  return `openio:${namespace}`;
}
export function leaseScope(cid: string): string {
  return `${cid}/`;
}
