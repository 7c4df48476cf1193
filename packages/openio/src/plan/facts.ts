/** All that is known of one container: what the rules look at. Plain data. */
import type { BaseProperties, MemberState, Reference, Service } from '../model.ts';
import { compareVersions, versionsOf } from '../model.ts';

export interface Facts {
  cid: string;
  /** Undefined: meta1 does not know the container at all. */
  reference: Reference | undefined;
  /** Services of the conscience, by id. */
  services: ReadonlyMap<string, Service>;
  /** By service, of all that answered. */
  members: ReadonlyMap<string, MemberState | null>;
  /** Services with a file of the base. */
  files: readonly string[];
  /** What each replica says of itself, by service, where it could be read. */
  replicas: ReadonlyMap<string, BaseProperties>;
  /** One of them, read once more when all the others had been: while clients write, the others lie in between. */
  again: { id: string; replica: BaseProperties } | undefined;
  /** Why a replica could not be read, by service. */
  unreadable: ReadonlyMap<string, string>;
  /** Services that did not answer, with what came instead. */
  silent: ReadonlyMap<string, string>;
}

/** The set of the only row; undefined when there is none, or more than one. */
export function hostsOf({ reference }: Pick<Facts, 'reference'>): string[] | undefined {
  return reference?.rows.length === 1 ? reference.rows[0]!.hosts : undefined;
}

export function nameOf({ cid, reference }: Pick<Facts, 'cid' | 'reference'>): string {
  return reference && reference.name !== '' ? `${reference.account}/${reference.name}` : cid;
}

/** Whatever the file at `id` holds, one of the replicas at `hosts` holds too. False where either cannot be read. */
export function holdsNothingMore({ replicas }: Pick<Facts, 'replicas'>, id: string, hosts: readonly string[]): boolean {
  const own = replicas.get(id);
  if (own === undefined) return false;
  if (own.system['sys.m2.init'] !== '1') return true;
  return hosts.some((host) => {
    const other = host === id ? undefined : replicas.get(host);
    return other !== undefined && ['equal', 'behind'].includes(compareVersions(versionsOf(own.system), versionsOf(other.system)));
  });
}

/** Pairs of replicas whose versions differ by more than what was written while they were read. */
export function versionsApart({ replicas, again }: Pick<Facts, 'replicas' | 'again'>, ids: readonly string[]): [string, string][] {
  const known = ids.filter((id) => replicas.has(id));
  const first = again !== undefined && known.includes(again.id) ? again.id : known[0];
  if (first === undefined) return [];
  const early = versionsOf(replicas.get(first)!.system);
  const late = again?.id === first ? versionsOf(again.replica.system) : early;
  return known
    .filter((id) => id !== first)
    .filter((id) => {
      const own = versionsOf(replicas.get(id)!.system);
      return !['equal', 'ahead'].includes(compareVersions(own, early)) || !['equal', 'behind'].includes(compareVersions(own, late));
    })
    .map((id): [string, string] => [first, id]);
}
