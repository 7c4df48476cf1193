/** What an election must look like, judged from what every service says of it. Pure. */
import type { MemberState } from '../model.ts';
import { sameSet } from '../model.ts';

export interface ElectionView {
  /** By service: those asked that answered. */
  members: ReadonlyMap<string, MemberState | null>;
  /** Hosts it should consist of. */
  wanted: readonly string[];
  /** Services that must not be heard of any more. */
  gone: readonly string[];
}

/**
 * The original's first look, before the election has begun again: who is kept has left and may still name its old peers, who is new has
 * never heard of the base.
 */
export function beforeElection({ members, wanted }: Omit<ElectionView, 'gone'>): string[] {
  const problems: string[] = [];
  for (const id of wanted) {
    const member = members.get(id);
    if (member === undefined) problems.push(`${id} was not asked: meta1 does not list it`);
    else if (member !== null && member.state !== 'NONE') problems.push(`${id} is ${member.state}`);
  }
  for (const id of members.keys()) if (!wanted.includes(id)) problems.push(`meta1 still lists ${id}`);
  return problems;
}

/** The final look: one master, the others its slaves, nobody with a peer that is none. Each problem is one sentence. */
export function electionProblems({ members, wanted, gone }: ElectionView): string[] {
  const problems: string[] = [];
  const masters = [...members].filter(([, member]) => member?.state === 'MASTER').map(([id]) => id);
  if (masters.length === 0) problems.push('no master');
  if (masters.length > 1) problems.push(`${masters.length} masters: ${masters.sort().join(', ')}`);
  const [master] = masters;
  for (const id of wanted) {
    const member = members.get(id);
    if (member === undefined) problems.push(`${id} does not answer`);
    else if (member === null) problems.push(`${id} has no member`);
    else {
      if (masters.length > 0 && member.state !== 'MASTER' && member.state !== 'SLAVE') problems.push(`${id} is ${member.state}`);
      if (member.state === 'SLAVE' && master !== undefined && member.masterUrl !== master)
        problems.push(`${id} follows ${member.masterUrl ?? 'nobody'}`);
      const peers = member.peers ?? [];
      for (const peer of peers.filter((one) => gone.includes(one))) problems.push(`${peer} in peers of ${id}`);
      for (const peer of peers.filter((one) => !gone.includes(one) && !wanted.includes(one))) problems.push(`${peer} in peers of ${id}`);
      if (member.peers !== null && !peers.some((one) => !wanted.includes(one)) && !sameSet([id, ...peers], wanted))
        problems.push(`${id} lacks ${wanted.filter((one) => one !== id && !peers.includes(one)).join(', ')} among its peers`);
      if (member.masterUrl !== null && gone.includes(member.masterUrl) && member.masterUrl !== master)
        problems.push(`${member.masterUrl} is master of ${id}`);
    }
  }
  for (const [id, member] of members)
    if (!wanted.includes(id) && member !== null && member.state !== 'NONE')
      problems.push(`${id} takes part (${member.state}), and is none of them`);
  return problems;
}

/** Slaves that have taken the whole base from their master when they joined. */
export function synced(members: ReadonlyMap<string, MemberState | null>): string[] {
  return [...members]
    .filter(([, member]) => member?.state === 'SLAVE' && /:SYNCING:SYNC_OK:SLAVE$/.test(member.log[0] ?? ''))
    .map(([id]) => id)
    .sort();
}

export function masterOf(members: ReadonlyMap<string, MemberState | null>): string | undefined {
  const masters = [...members].filter(([, member]) => member?.state === 'MASTER').map(([id]) => id);
  return masters.length === 1 ? masters[0] : undefined;
}

/** Nobody takes part with other peers than these: those who have left will read them anew. */
export function nobodyWithOtherPeers(members: ReadonlyMap<string, MemberState | null>, wanted: readonly string[]): boolean {
  return [...members].every(
    ([id, member]) =>
      member === null ||
      member.state === 'NONE' ||
      (wanted.includes(id) && member.peers !== null && sameSet([id, ...member.peers], wanted)),
  );
}
