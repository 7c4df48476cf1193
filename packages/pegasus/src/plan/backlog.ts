/**
 * When a backlog may be called caught up, and when stuck. Pure. A small number is not enough: right after a duplication was added nothing
 * waits yet, and one that ships nothing has a small backlog on a quiet table. So a partition with anything waiting must have been seen to
 * ship.
 */
import { type DuplicationProgress, pendingOf } from '../model.ts';

export interface BacklogRules {
  threshold: number;
  /** Looks in a row. */
  rounds: number;
  /** A partition that ships tells of it at the latest after so long. */
  tellsWithinMs: number;
  stuckMs: number;
  /** What waits is told by node, not by partition: a node with anything waiting must be seen to ship, whichever partition it is. */
  byNode?: boolean;
}

/** What is remembered between two looks; plain, so that it can be kept. */
export type BacklogWatch = {
  since: number;
  below: number;
  /** By partition: how far it was and when it was last seen to move. */
  moved: { [partition: string]: { decree: number; at: number } };
};

export type BacklogVerdict =
  | { is: 'waiting'; pending: number }
  | { is: 'caught-up'; pending: number }
  | { is: 'stuck'; pending: number; partitions: number[] };

export function freshWatch(at: number): BacklogWatch {
  return { since: at, below: 0, moved: {} };
}

/** One more look. Gives what to remember and the verdict. */
export function look(
  watch: BacklogWatch,
  seen: DuplicationProgress,
  rules: BacklogRules,
): { watch: BacklogWatch; verdict: BacklogVerdict } {
  const moved: BacklogWatch['moved'] = {};
  const silent: number[] = [];
  const stuck: number[] = [];
  // Partitions move from node to node, so that the sum of one may shrink too.
  const nodes = rules.byNode ? confirmedByNode(seen) : undefined;
  let pending = 0;
  let unknown = false;
  for (const one of seen.partitions) {
    const waits = pendingOf(one);
    if (waits === null) unknown = true;
    pending += waits ?? 0;
    // What has gone out, by the freshest account: confirmed alone lags behind.
    const decree = nodes?.get(one.primary) ?? (one.committed !== null && one.notShipped === null ? one.confirmed : shippedOf(one));
    const before = watch.moved[one.partition];
    const at = before === undefined || decree > before.decree || (nodes && decree < before.decree) || waits === 0 ? seen.at : before.at;
    moved[one.partition] = { decree: before === undefined || nodes ? decree : Math.max(decree, before.decree), at };
    if (waits === 0) continue;
    const quietMs = seen.at - at;
    // The first look says nothing of whether it moves.
    if (before === undefined || (before.at === watch.since && at === watch.since) || quietMs > rules.tellsWithinMs)
      silent.push(one.partition);
    if (quietMs >= rules.stuckMs) stuck.push(one.partition);
  }
  const below = !unknown && pending < Math.max(1, rules.threshold) ? watch.below + 1 : 0;
  const next: BacklogWatch = { since: watch.since, below, moved };
  if (stuck.length > 0) return { watch: next, verdict: { is: 'stuck', pending, partitions: stuck } };
  if (below >= rules.rounds && silent.length === 0) return { watch: next, verdict: { is: 'caught-up', pending } };
  return { watch: next, verdict: { is: 'waiting', pending } };
}

/** A backlog as it was seen at some time. */
export interface Seen {
  at: number;
  pending: number;
}

/**
 * How fast a backlog falls and how long that takes to fewer than the threshold, for people. It is what remains of shipping when clients go on
 * writing, so that it may not fall at all. `looks` are the last ones, oldest first.
 */
export function outlook(looks: readonly Seen[], threshold: number): string {
  const [first, last] = [looks[0], looks.at(-1)];
  if (first === undefined || last === undefined) return '';
  const waits = `${last.pending} wait`;
  const seconds = (last.at - first.at) / 1000;
  if (last.pending < Math.max(1, threshold) || seconds <= 0) return waits;
  const perSecond = (first.pending - last.pending) / seconds;
  if (perSecond <= 0) return `${waits}, not falling: clients write as fast as is shipped`;
  const left = Math.ceil((last.pending - threshold) / perSecond);
  return `${waits}, ${perSecond < 10 ? perSecond.toFixed(1) : Math.round(perSecond)} fewer a second, below ${threshold} in about ${left < 120 ? `${left} s` : `${Math.ceil(left / 60)} min`}`;
}

function confirmedByNode({ partitions }: DuplicationProgress): Map<string | null, number> {
  const sums = new Map<string | null, number>();
  for (const { primary, confirmed } of partitions) sums.set(primary, (sums.get(primary) ?? 0) + confirmed);
  return sums;
}

function shippedOf({ confirmed, notConfirmed, notShipped }: DuplicationProgress['partitions'][number]): number {
  return notConfirmed === null || notShipped === null ? confirmed : confirmed + notConfirmed - notShipped;
}
