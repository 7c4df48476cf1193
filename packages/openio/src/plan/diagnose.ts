/** What is wrong with a container, and what would mend it. Pure. */
import { compareVersions, joined, peersOf, sameSet, statusName, versionsOf } from '../model.ts';
import { electionProblems } from './election.ts';
import type { Facts } from './facts.ts';
import { holdsNothingMore, hostsOf, nameOf, versionsApart } from './facts.ts';

/** What a repair does. Each is set, not toggled, and may be done twice. */
export type Remedy =
  /** The peers of every replica become what meta1 says; everybody leaves and is elected anew. */
  | { do: 'set-peers'; hosts: string[] }
  /** These leave the election and their files go: they are none of it, and hold nothing newer than those that are. */
  | { do: 'expel'; services: string[] }
  /** The election begins again, so that who is behind takes what the master has. */
  | { do: 'elect'; services: string[] }
  /** Nothing that a program should do by itself. */
  | { do: 'nothing' };

export type Trouble = {
  kind:
    | 'unknown-to-meta1'
    | 'no-row'
    | 'several-rows'
    | 'peers-differ'
    | 'election'
    | 'ex-peer'
    | 'orphan-file'
    | 'missing-file'
    | 'versions-differ'
    | 'not-initialised'
    | 'frozen'
    | 'disabled'
    | 'silent';
  text: string;
  /** In words, with the command where there is one. */
  mend: string;
  remedy: Remedy;
};

const REPAIR = '`longshore openio repair`';

export function diagnose(facts: Facts): Trouble[] {
  const hosts = hostsOf(facts);
  const rows = facts.reference?.rows ?? [];
  const name = nameOf(facts);
  if (!hosts) return withoutRow(facts, rows.length, name);
  const troubles: Trouble[] = [];
  const there = hosts.filter((host) => !facts.silent.has(host));
  for (const host of hosts.filter((one) => facts.silent.has(one)))
    troubles.push({
      kind: 'silent',
      text: `${host} does not answer: ${facts.silent.get(host)}`,
      mend: `start it, or move the base away: \`longshore openio move --from ${host}\``,
      remedy: { do: 'nothing' },
    });
  troubles.push(...strangers(facts, hosts), ...statuses(facts, hosts));
  const missing = there.filter((host) => !facts.files.includes(host));
  // An election would make empty bases, and what is lost would look as if it had never been.
  if (missing.length === there.length) return [...troubles, ...(there.length === 0 ? [] : [nowhere(facts, there, hosts)])];
  if (missing.length > 0)
    troubles.push({
      kind: 'missing-file',
      text: `${missing.join(', ')} has no file of it`,
      mend: `${REPAIR} has it elected, and the replica takes the data of its master`,
      remedy: { do: 'elect', services: hosts },
    });
  const differing = there.filter((id) => facts.replicas.has(id) && !sameSet(peersOf(facts.replicas.get(id)!.system), hosts));
  if (differing.length > 0)
    troubles.push({
      kind: 'peers-differ',
      text: differing
        .map((id) => `sys.peers at ${id} is ${joined(peersOf(facts.replicas.get(id)!.system))}, and meta1 says ${joined(hosts)}`)
        .join('; '),
      mend: `${REPAIR} sets them to what meta1 says, and has it elected anew`,
      remedy: { do: 'set-peers', hosts: [...hosts] },
    });
  troubles.push(...apart(facts, there, hosts));
  const election = electionTroubles(facts, hosts, there);
  if (election.length > 0 && differing.length === 0)
    troubles.push({
      kind: 'election',
      text: election.join('; '),
      mend: `${REPAIR} has everybody leave, and has it elected anew`,
      remedy: { do: 'elect', services: hosts },
    });
  // Whoever is elected, the other side would be given up.
  const forPerson = troubles.some(({ kind, remedy }) => kind === 'versions-differ' && remedy.do === 'nothing');
  return forPerson ? troubles.map((one): Trouble => (one.remedy.do === 'expel' ? one : { ...one, remedy: { do: 'nothing' } })) : troubles;
}

function nowhere({ files }: Facts, there: readonly string[], hosts: readonly string[]): Trouble {
  const others = files.filter((id) => !hosts.includes(id));
  return {
    kind: 'missing-file',
    text: `meta1 lists it, and ${there.length === hosts.length ? 'none of its hosts' : 'none of its hosts that answer'} has a file of it`,
    mend:
      there.length < hosts.length
        ? 'start the hosts that do not answer; a program would make an empty container of it'
        : others.length > 0
          ? `${others.join(', ')} has one: compare it with backups, and link the container to it; a program would make an empty container of it`
          : 'restore the file from a backup; a program would make an empty container of it',
    remedy: { do: 'nothing' },
  };
}

/** A base nobody has used for hours has no election, and is in order. */
function electionTroubles(facts: Facts, hosts: readonly string[], there: readonly string[]): string[] {
  const asleep = there.every((id) => facts.members.get(id) === null || facts.members.get(id)?.state === 'NONE');
  if (asleep) return [];
  const mine = new Map([...facts.members].filter(([id]) => hosts.includes(id)));
  const away = hosts.filter((host) => !there.includes(host));
  return electionProblems({ members: mine, wanted: there, gone: [] }).filter(
    (problem) => !away.some((host) => problem.startsWith(`${host} in peers of `)),
  );
}

function withoutRow(facts: Facts, rows: number, name: string): Trouble[] {
  if (rows > 1)
    return [
      {
        kind: 'several-rows',
        text: `meta1 has ${rows} rows of type meta2 for ${name}: a wrong sequence was linked once`,
        mend: 'compare the bases of each sequence by hand; nothing is removed by a program',
        remedy: { do: 'nothing' },
      },
    ];
  if (facts.files.length === 0) return [];
  const known = facts.reference !== undefined;
  const peers = [...new Set([...facts.replicas.values()].map(({ system }) => joined(peersOf(system))))];
  return [
    {
      kind: known ? 'no-row' : 'unknown-to-meta1',
      text: `${facts.files.join(', ')} ${facts.files.length === 1 ? 'has a file' : 'have files'} of it, and meta1 ${known ? 'links it to nothing' : 'does not know it'}`,
      mend: `if it is wanted, link it to the peers that its files name (${peers.join(' or ')}); orphans are never removed by a program`,
      remedy: { do: 'nothing' },
    },
  ];
}

/** Services that are none of it, but have a file or take part. */
function strangers(facts: Facts, hosts: readonly string[]): Trouble[] {
  const troubles: Trouble[] = [];
  for (const id of new Set([...facts.files, ...facts.members.keys()])) {
    if (hosts.includes(id)) continue;
    const member = facts.members.get(id);
    const takesPart = member !== null && member !== undefined && member.state !== 'NONE';
    const hasFile = facts.files.includes(id);
    if (!takesPart && !hasFile) continue;
    const newer = hasFile && !holdsNothingMore(facts, id, hosts);
    troubles.push({
      kind: takesPart ? 'ex-peer' : 'orphan-file',
      text: `${id} is none of its hosts, but ${[...(hasFile ? ['has a file of it'] : []), ...(takesPart ? [`takes part as ${member.state}`] : [])].join(' and ')}`,
      mend: newer
        ? `its file holds what the others do not: compare them before anything is removed`
        : `${REPAIR} has it leave and removes its file, which holds nothing that the others do not`,
      remedy: newer ? { do: 'nothing' } : { do: 'expel', services: [id] },
    });
  }
  return troubles;
}

function apart(facts: Facts, there: readonly string[], hosts: readonly string[]): Trouble[] {
  const pairs = versionsApart(facts, there);
  if (pairs.length === 0) return [];
  const split = pairs.filter(([one, other]) => eachHoldsMore(facts, one, other));
  if (split.length > 0)
    return [
      {
        kind: 'versions-differ',
        text: split.map(([one, other]) => `${one} and ${other} each hold what the other does not`).join('; '),
        mend: 'a person must decide which of them counts: whoever is elected, the other takes its data and loses its own',
        remedy: { do: 'nothing' },
      },
    ];
  return [
    {
      kind: 'versions-differ',
      text: pairs.map(([one, other]) => `the versions at ${one} and ${other} differ`).join('; '),
      mend: `${REPAIR} has it elected anew: who is behind takes what the master has`,
      remedy: { do: 'elect', services: [...hosts] },
    },
  ];
}

function eachHoldsMore({ replicas, again }: Facts, one: string, other: string): boolean {
  const own = versionsOf(replicas.get(other)!.system);
  const early = versionsOf(replicas.get(one)!.system);
  const late = again?.id === one ? versionsOf(again.replica.system) : early;
  return ['behind', 'apart'].includes(compareVersions(own, early)) && ['ahead', 'apart'].includes(compareVersions(own, late));
}

function statuses(facts: Facts, hosts: readonly string[]): Trouble[] {
  const troubles: Trouble[] = [];
  const known = hosts.flatMap((id) => {
    const replica = facts.replicas.get(id);
    return replica ? [{ id, system: replica.system }] : [];
  });
  for (const state of ['frozen', 'disabled'] as const) {
    const at = known.filter(({ system }) => statusName(system) === state).map(({ id }) => id);
    if (at.length > 0)
      troubles.push({
        kind: state,
        text: `it is ${state} at ${at.join(', ')}`,
        mend: `whoever did it should say why; then \`longshore openio repair --enable\` lifts it`,
        remedy: { do: 'nothing' },
      });
  }
  const empty = known.filter(({ system }) => system['sys.m2.init'] !== '1').map(({ id }) => id);
  if (empty.length > 0 && empty.length === known.length)
    troubles.push({
      kind: 'not-initialised',
      text: 'it was created, but never initialised',
      mend: 'whoever creates it has to finish; it holds nothing',
      remedy: { do: 'nothing' },
    });
  return troubles;
}
