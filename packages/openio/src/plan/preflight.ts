/** Why a base cannot be moved as it is now: every reason at once. Pure. */
import type { Service } from '../model.ts';
import { joined, peersOf, sameSet, statusName } from '../model.ts';
import { electionProblems } from './election.ts';
import type { Facts } from './facts.ts';
import { hostsOf, versionsApart } from './facts.ts';
import type { Constraint } from './locations.ts';
import { broken, isWorse, spreadOf } from './locations.ts';

export interface MoveWish {
  from: string;
  to: string;
  constraint: Constraint;
  /** Replicas a container of this namespace has. */
  replicas: number;
}

/** A destination below it is nearly full. */
const LEAST_SPACE_PERCENT = 1;

export function replaced(hosts: readonly string[], { from, to }: { from: string; to: string }): string[] {
  return hosts.map((host) => (host === from ? to : host)).sort();
}

/** What must hold of the set and the destination, whatever the state of the base. */
export function destinationProblems(facts: Facts, wish: MoveWish): string[] {
  const { from, to, constraint, replicas } = wish;
  const rows = facts.reference?.rows ?? [];
  if (rows.length === 0) return ['meta1 has no row for it'];
  if (rows.length > 1) return [`meta1 has ${rows.length} rows for it (sequences ${rows.map(({ seq }) => seq).join(', ')})`];
  const hosts = rows[0]!.hosts;
  const problems: string[] = [];
  if (hosts.length !== replicas) problems.push(`it has ${hosts.length} replicas, not ${replicas}`);
  if (!hosts.includes(from)) problems.push(`${from} holds no replica of it (meta1: ${joined(hosts)})`);
  if (hosts.includes(to)) problems.push(`${to} holds a replica of it already`);
  const service = facts.services.get(to);
  problems.push(...serviceProblems(to, service));
  for (const host of hosts) if (!facts.services.has(host)) problems.push(`the conscience does not know ${host}, which meta1 lists`);
  if (facts.files.includes(to) && !hosts.includes(to))
    problems.push(`${to} has an old file of it; \`longshore openio check\` says what becomes of it`);
  if (facts.silent.has(to)) problems.push(`${to} cannot be reached: ${facts.silent.get(to)}`);
  if (service && hosts.includes(from) && !hosts.includes(to)) {
    const at = (ids: readonly string[]): string[] => ids.map((id) => facts.services.get(id)?.location ?? '');
    const after = at(replaced(hosts, wish));
    for (const problem of broken(after, constraint)) problems.push(`with it on ${to} there would be ${problem}`);
    if (isWorse(spreadOf(after), spreadOf(at(hosts)))) problems.push(`its replicas would be less spread with ${to} in place of ${from}`);
  }
  return problems;
}

function serviceProblems(to: string, service: Service | undefined): string[] {
  if (!service) return [`the conscience knows no meta2 ${to}`];
  const problems: string[] = [];
  if (!service.up) problems.push(`${to} is down`);
  if (service.score <= 0) problems.push(`${to} has a score of ${service.score}: nothing new is placed there`);
  if (!service.slots.includes('meta2')) problems.push(`${to} is not in the slot meta2`);
  if (service.spacePercent !== undefined && service.spacePercent <= LEAST_SPACE_PERCENT)
    problems.push(`${to} has ${service.spacePercent} % of its space left`);
  return problems;
}

/** For a native move: the base must be in order, and have a master. */
export function nativeProblems(facts: Facts, wish: MoveWish): string[] {
  const problems = destinationProblems(facts, wish);
  const hosts = hostsOf(facts);
  if (!hosts) return problems;
  const { from, replicas } = wish;
  // One that is away can be moved from; the others must all be there.
  const there = hosts.filter((host) => host !== from || !facts.silent.has(host));
  for (const host of there.filter((one) => facts.silent.has(one))) problems.push(`${host} cannot be reached: ${facts.silent.get(host)}`);
  for (const host of there.filter((one) => !facts.silent.has(one) && !facts.files.includes(one)))
    problems.push(`${host} has no file of it`);
  const kept = hosts.filter((host) => host !== from && facts.files.includes(host));
  if (kept.length < Math.floor(replicas / 2) + 1) problems.push(`only ${kept.length} of the replicas that stay have data`);
  for (const problem of electionProblems({ members: facts.members, wanted: there, gone: [] }).filter(
    (one) => !isAboutAway(one, hosts, there),
  ))
    problems.push(problem);
  problems.push(...replicaProblems(facts, hosts, there));
  return problems;
}

/** A member may name one that is away among its peers. */
function isAboutAway(problem: string, hosts: readonly string[], there: readonly string[]): boolean {
  return hosts.some((host) => !there.includes(host) && problem.startsWith(`${host} in peers of `));
}

function replicaProblems(facts: Facts, hosts: readonly string[], there: readonly string[]): string[] {
  const problems: string[] = [];
  const known = there.flatMap((id) => {
    const replica = facts.replicas.get(id);
    if (!replica && facts.files.includes(id)) problems.push(`the replica at ${id} cannot be read${why(facts, id)}`);
    return replica ? [{ id, system: replica.system }] : [];
  });
  for (const { id, system } of known) {
    if (!sameSet(peersOf(system), hosts))
      problems.push(`sys.peers at ${id} is ${joined(peersOf(system))}, and meta1 says ${joined(hosts)}`);
    if (system['sys.m2.init'] !== '1') problems.push(`the base at ${id} was never initialised`);
    if (statusName(system) !== 'enabled') problems.push(`it is ${statusName(system)} at ${id}, by somebody else`);
    if (Number(system['sys.m2.sharding.state'] ?? 0) > 0)
      problems.push(`it is being sharded (state ${system['sys.m2.sharding.state']} at ${id})`);
  }
  for (const [one, other] of versionsApart(facts, there)) problems.push(`the versions at ${one} and ${other} differ`);
  return problems;
}

function why(facts: Facts, id: string): string {
  const reason = facts.unreadable.get(id);
  return reason === undefined ? '' : `: ${reason}`;
}

/** The service that suits best in place of `from`: by spread, then score, then id. Undefined when none does. */
export function fittest(facts: Facts, from: string, constraint: Constraint): string | undefined {
  const hosts = hostsOf(facts) ?? [];
  const stay = hosts.filter((host) => host !== from).map((host) => facts.services.get(host)?.location ?? '');
  const before = spreadOf([...stay, facts.services.get(from)?.location ?? '']);
  const candidates = [...facts.services.values()]
    .filter((service) => !hosts.includes(service.id) && !facts.files.includes(service.id) && !facts.silent.has(service.id))
    .filter((service) => serviceProblems(service.id, service).length === 0)
    .map((service) => ({ service, locations: [...stay, service.location] }))
    .filter(({ locations }) => broken(locations, constraint).length === 0 && !isWorse(spreadOf(locations), before))
    .map(({ service, locations }) => ({ service, spread: spreadOf(locations) }));
  const [best] = candidates.sort(
    (a, b) =>
      b.spread.least - a.spread.least ||
      b.spread.sum - a.spread.sum ||
      b.service.score - a.service.score ||
      (a.service.id < b.service.id ? -1 : 1),
  );
  return best?.service.id;
}
