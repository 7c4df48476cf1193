/**
 * Makes a base's election begin anew, with the peers its replicas now have. That a leave was answered says nothing: clients and peers begin
 * the election again within milliseconds, and members keep the peers they began with until they have really left.
 */
import type { TaskContext } from '@longshore/core';
import type { Namespace } from '../client/index.ts';
import { StillTakesPart } from '../errors.ts';
import { electionProblems, nobodyWithOtherPeers } from '../plan/election.ts';
import { ELECTION_MS, LEAVES } from './settings.ts';

const LOOKS = 5;
const FIRST_PAUSE_MS = 5;
const MAX_PAUSE_MS = 200;

type Able = Pick<TaskContext<unknown>, 'clock' | 'signal'>;

export interface Group {
  cid: string;
  /** For messages. */
  name: string;
  /** Who shall take part. */
  wanted: readonly string[];
  /** Everybody who is asked to leave first: those, and whoever else takes part or once did. */
  everybody: readonly string[];
}

/** Until the election consists of `wanted` and of nobody else, or `LEAVES` rounds have not brought that about. */
export async function elect(context: Able, namespace: Namespace, { cid, name, wanted, everybody }: Group): Promise<void> {
  let last: string[] = [];
  for (let round = 0; round < LEAVES; round += 1) {
    await leave(context, namespace, cid, everybody, wanted);
    await namespace.status(cid, wanted);
    const until = context.clock.now() + ELECTION_MS;
    for (let look = 0; look < LOOKS && context.clock.now() < until; look += 1) {
      last = (await lookAt(namespace, cid, wanted, everybody)).problems;
      if (last.length === 0) return;
      await pause(context, look);
    }
  }
  throw StillTakesPart({ container: name, who: last.join('; ') });
}

/** A member as it is shown to people. */
export type ShownMember = { id: string; state: string; peers: string[] | null; master: string | null; since: string | null };

/** The election as it is, and what of it is not as wanted. Services that do not answer are left out, they take no part either. */
export async function lookAt(
  namespace: Namespace,
  cid: string,
  wanted: readonly string[],
  everybody: readonly string[],
): Promise<{ members: ShownMember[]; problems: string[] }> {
  const { members, silent } = await namespace.debug(cid, everybody);
  const there = wanted.filter((id) => !silent.has(id));
  const away = wanted.filter((id) => silent.has(id));
  return {
    members: [...members].map(([id, member]) => ({
      id,
      state: member?.state ?? 'none',
      peers: member?.peers ?? null,
      master: member?.masterUrl ?? null,
      since: member?.log[0] ?? null,
    })),
    problems: electionProblems({ members, wanted: there, gone: [] }).filter(
      (problem) => !away.some((id) => problem.startsWith(`${id} in peers of `)),
    ),
  };
}

/**
 * Asks everybody to leave until nobody is left who began with other peers than `wanted`. Members that have begun again meanwhile have read
 * their peers anew; they may stay.
 */
async function leave(
  context: Able,
  namespace: Namespace,
  cid: string,
  everybody: readonly string[],
  wanted: readonly string[],
): Promise<void> {
  // Who is none of them goes first: as a master it would be one that the others, with their new peers, cannot follow.
  const strangers = everybody.filter((id) => !wanted.includes(id));
  if (strangers.length > 0) await namespace.leave(cid, strangers);
  for (let round = 0; round < LEAVES; round += 1) {
    await namespace.leave(cid, everybody);
    const { members } = await namespace.debug(cid, everybody);
    if (nobodyWithOtherPeers(members, wanted)) return;
    await pause(context, round);
  }
}

/** Until nobody takes part at all: nothing may be written into a file before. Throws where clients do not let it come to that. */
export async function leaveWholly(
  context: Able,
  namespace: Namespace,
  cid: string,
  name: string,
  everybody: readonly string[],
): Promise<void> {
  let who = '';
  for (let round = 0; round < LEAVES; round += 1) {
    await namespace.leave(cid, everybody);
    // Twice: a peer's ping that was on its way begins it again a moment later.
    let left = true;
    for (let look = 0; look < 2; look += 1) {
      await pause(context, 0);
      const { members } = await namespace.debug(cid, everybody);
      const still = [...members].filter(([, member]) => member !== null && member.state !== 'NONE');
      who = still.map(([id, member]) => `${id} is ${member?.state}`).join(', ');
      left &&= still.length === 0;
    }
    if (left) return;
    await pause(context, round);
  }
  throw StillTakesPart({ container: name, who });
}

function pause({ clock, signal }: Able, round: number): Promise<void> {
  return clock.sleep(Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** round), signal);
}
