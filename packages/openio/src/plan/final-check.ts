/** What must hold when a base has been moved, over all services: every problem at once. Pure. */
import { joined, peersOf, sameSet, statusName } from '../model.ts';
import { electionProblems } from './election.ts';
import type { Facts } from './facts.ts';
import { hostsOf, versionsApart } from './facts.ts';

export interface Expected {
  hosts: readonly string[];
  /** Services that held a replica before, and must not any more. */
  gone: readonly string[];
  /** `sys.status` as it was before. */
  status: 'enabled' | 'frozen' | 'disabled' | 'unknown';
}

export function finalProblems(facts: Facts, { hosts, gone, status }: Expected): string[] {
  const problems: string[] = [];
  const listed = hostsOf(facts);
  if (!listed) problems.push(`meta1 has ${facts.reference?.rows.length ?? 0} rows for it`);
  else if (!sameSet(listed, hosts)) problems.push(`meta1 lists ${joined(listed)}, not ${joined(hosts)}`);
  problems.push(...electionProblems({ members: facts.members, wanted: hosts, gone }));
  for (const id of hosts) {
    if (!facts.files.includes(id)) problems.push(`${id} has no file of it`);
    const replica = facts.replicas.get(id);
    if (!replica) {
      problems.push(`the replica at ${id} cannot be read`);
      continue;
    }
    const peers = peersOf(replica.system);
    if (!sameSet(peers, hosts)) problems.push(`sys.peers at ${id} is ${joined(peers)}`);
    if (statusName(replica.system) !== status) problems.push(`it is ${statusName(replica.system)} at ${id}, and was ${status}`);
  }
  for (const id of facts.files) if (!hosts.includes(id)) problems.push(`${id} still has a file of it`);
  for (const [one, other] of versionsApart(facts, hosts)) problems.push(`the versions at ${one} and ${other} differ`);
  return problems;
}
