/**
 * Whose data a partition is to be made of. Pure.
 *
 * A change of leader that was cut short leaves two replicas flagged as leader, the old one not alive. Its tablet still says it leads, and it may
 * lack what the new one has taken since: made the truth, it would erase that. So whoever is alive wins; then who is known to have lived in the
 * newest reign; then who has more. Where none of that decides, nobody is chosen.
 */
import type { Replica } from '../model.ts';
import type { PartitionView } from './view.ts';
import { offsetOf, serving } from './view.ts';

export type Truth =
  /** It leads, or is to be made alive as the leader it is flagged as. */
  | { head: string }
  /** The leader is lost; of the followers that serve, this one has the most. */
  | { promote: string; lost: string | null }
  | { none: string };

export function truthOf(view: PartitionView): Truth {
  const { replicas } = view.partition;
  const flagged = replicas.filter(({ leader }) => leader);
  const alive = flagged.filter((replica) => replica.alive);
  if (alive.length > 1) return { none: `${list(alive)} are all flagged as living leaders` };
  const [leader] = alive;
  if (leader) return view.healthy.has(leader.endpoint) ? { head: leader.endpoint } : follower(view, leader);
  if (flagged.length > 1) return newest(view, flagged);
  const [dead] = flagged;
  if (!dead || !view.healthy.has(dead.endpoint)) return follower(view, dead);
  // Nobody else was made leader: nobody has more, unless its tablet came back with less than a follower has.
  const ahead = bestFollower(view);
  const mine = offsetOf(view, dead);
  if (ahead && mine !== undefined && serving(view, dead.endpoint) !== undefined && offsetOf(view, ahead)! > mine)
    return { promote: ahead.endpoint, lost: null };
  // Its files are gone: an empty leader would empty whoever follows it.
  const had = replicas.find((replica) => !replica.leader && (offsetOf(view, replica) ?? 0n) > 0n);
  if (had && serving(view, dead.endpoint)?.offset === 0n)
    return { none: `its leader ${dead.endpoint} came back with nothing in it, and ${had.endpoint} had ${offsetOf(view, had)} entries` };
  return { head: dead.endpoint };
}

/** A living follower that serves, on a healthy tablet; the one with the most. */
function bestFollower(view: PartitionView): Replica | undefined {
  let best: Replica | undefined;
  for (const replica of view.partition.replicas) {
    if (replica.leader || !replica.alive || !view.healthy.has(replica.endpoint) || !serving(view, replica.endpoint)) continue;
    if (best === undefined || offsetOf(view, replica)! > offsetOf(view, best)!) best = replica;
  }
  return best;
}

function follower(view: PartitionView, lost: Replica | undefined): Truth {
  const best = bestFollower(view);
  if (best) return { promote: best.endpoint, lost: lost?.endpoint ?? null };
  const why = lost ? `its leader ${lost.endpoint} is on a tablet that is away` : 'it has no leader';
  return { none: `${why}, and no living follower has its data in memory` };
}

function newest(view: PartitionView, flagged: readonly Replica[]): Truth {
  const here = flagged.filter(({ endpoint }) => view.healthy.has(endpoint));
  const reign = view.partition.terms.at(-1);
  const known = here.map((replica) => ({ replica, offset: offsetOf(view, replica) }));
  if (here.length < flagged.length || known.some(({ offset }) => offset === undefined))
    return { none: `${list(flagged)} were leaders one after the other, and how far each is cannot be seen` };
  const reached = reign === undefined ? [] : known.filter(({ offset }) => offset! >= reign.offset);
  if (reached.length === 1) return { head: reached[0]!.replica.endpoint };
  // Both have written in the newest reign, or have they? What each has then is not the same, and neither is more.
  if (reached.length > 1) return { none: `${list(flagged)} were leaders one after the other, and both went on writing` };
  const most = known.reduce((a, b) => (b.offset! > a.offset! ? b : a));
  // Neither came as far as the newest reign, so both have the beginning of the same log; without one nothing is known of that.
  if (reign === undefined && known.filter(({ offset }) => offset === most.offset).length > 1)
    return { none: `${list(flagged)} were leaders one after the other, and are equally far` };
  return { head: most.replica.endpoint };
}

function list(replicas: readonly Replica[]): string {
  return replicas.map(({ endpoint }) => endpoint).join(' and ');
}
