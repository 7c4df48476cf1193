/**
 * The next step of one partition towards where it is to be. Pure: what is asked is what is seen, never what was done before, so that a task that
 * begins again in the middle goes on where the partition stands.
 *
 * In this order: a leader that leads; every replica alive, or known to be dead; then replicas where they belong, added before they are removed;
 * then who leads. At no step does a partition have fewer replicas than before and than it is to have.
 */
import type { Held, Loaded, Partition, Placement, Replica } from '../model.ts';
import { truthOf } from './truth.ts';
import type { PartitionView } from './view.ts';
import { heldBy, isLoading, serving } from './view.ts';

export type Step =
  /** From the tablet's own files, as leader. */
  | { do: 'load'; endpoint: string }
  | { do: 'mark'; endpoint: string; alive: boolean }
  /** An op that failed half way has left it without snapshots: its log would grow for ever. */
  | { do: 'resume-snapshots'; endpoint: string }
  | { do: 'recover'; endpoint: string }
  | { do: 'change-leader'; to: string }
  | { do: 'add-replica'; endpoint: string }
  | { do: 'del-replica'; endpoint: string }
  | { do: 'migrate'; from: string; to: string };

export type Next =
  | { step: Step }
  /** `degraded`: replicas that are to be there and are on tablets that are away. */
  | { done: true; degraded: string[] }
  /** `leaderAt`: waits for a follower to have what the leader has, which is this far. */
  | { wait: string; leaderAt?: bigint }
  | { stuck: string };

export interface StepOptions {
  /** A follower may take the place of a leader whose tablet is away: what only the leader had is given up. */
  mayPromote: boolean;
  /** A follower that is this far may lead, though its leader is further: clients go on writing, and it keeps up. */
  enough?: bigint;
}

/** `goal.leader` null: whoever leads. */
export function nextStep(view: PartitionView, goal: Placement, { mayPromote, enough }: StepOptions): Next {
  const truth = truthOf(view);
  if ('none' in truth) return { stuck: truth.none };
  if ('promote' in truth) {
    if (mayPromote) return { step: { do: 'change-leader', to: truth.promote } };
    return { stuck: truth.lost === null ? 'it has no leader' : `its leader ${truth.lost} is on a tablet that is away` };
  }
  const { replicas } = view.partition;
  const head = replicas.find(({ endpoint }) => endpoint === truth.head)!;
  const leading = makeLead(view, head, { mayPromote, ...(enough === undefined ? {} : { enough }) });
  if (leading) return leading;
  const degraded: string[] = [];
  for (const replica of replicas) {
    if (replica === head) continue;
    if (!view.healthy.has(replica.endpoint)) {
      if (replica.alive && mayPromote) return { step: { do: 'mark', endpoint: replica.endpoint, alive: false } };
      if (!goal.replicas.includes(replica.endpoint)) return { stuck: `its replica ${replica.endpoint} is on a tablet that is away` };
      degraded.push(replica.endpoint);
      continue;
    }
    const mending = mend(replica, heldBy(view, replica.endpoint));
    if (mending) return mending;
  }
  return place(view, head, goal, enough) ?? { done: true, degraded };
}

/**
 * Only to a follower that has what the leader has. The server takes any candidate, however far behind; what the old leader has beyond it is thrown
 * away when that is recovered. A replica that was just added counts as alive while it lacks up to a hundred thousand entries.
 */
function handOver(view: PartitionView, head: Replica, to: string, enough: bigint | undefined): Next {
  const leaderAt = serving(view, head.endpoint)?.offset;
  const followerAt = serving(view, to)?.offset;
  if (leaderAt === undefined || followerAt === undefined || followerAt >= leaderAt || (enough !== undefined && followerAt >= enough))
    return { step: { do: 'change-leader', to } };
  return { wait: `${to} is ${leaderAt - followerAt} entries behind its leader ${head.endpoint}`, leaderAt };
}

function makeLead(view: PartitionView, head: Replica, { mayPromote, enough }: StepOptions): Next | undefined {
  const held = heldBy(view, head.endpoint);
  if (held === 'unknown') return { stuck: `the tablet ${head.endpoint} does not say what it holds` };
  if (held === 'absent') return { step: { do: 'load', endpoint: head.endpoint } };
  if (isLoading(held)) return { wait: `${head.endpoint} loads it` };
  if (held.mode !== 'kTableLeader') {
    // Its tablet takes it for a follower; a nameserver makes leaders of followers only, so another leads for a while.
    const other = view.partition.replicas.find(
      ({ endpoint, alive, leader }) =>
        endpoint !== head.endpoint && alive && !leader && view.healthy.has(endpoint) && serving(view, endpoint),
    );
    if (other && mayPromote) return handOver(view, head, other.endpoint, enough);
    return { stuck: `${head.endpoint} is its leader, but takes itself for a follower` };
  }
  if (!head.alive) return { step: { do: 'mark', endpoint: head.endpoint, alive: true } };
  // Nobody's op is in progress here: whoever asks has waited for that.
  return held.state === 'kSnapshotPaused' ? { step: { do: 'resume-snapshots', endpoint: head.endpoint } } : undefined;
}

/** A replica beside the leader: alive, a follower, in memory. */
function mend({ endpoint, alive, leader }: Replica, held: Held): Next | undefined {
  if (held === 'unknown') return { stuck: `the tablet ${endpoint} does not say what it holds` };
  if (held !== 'absent' && isLoading(held) && !alive) return { wait: `${endpoint} loads it` };
  const isGood = alive && !leader && held !== 'absent' && held.mode === 'kTableFollower' && !isLoading(held);
  if (isGood) return undefined;
  // What is flagged as alive is not recovered.
  return { step: alive ? { do: 'mark', endpoint, alive: false } : { do: 'recover', endpoint } };
}

function place(view: PartitionView, head: Replica, goal: Placement, enough: bigint | undefined): Next | undefined {
  const { partition, healthy } = view;
  const here = partition.replicas.map(({ endpoint }) => endpoint);
  const extra = here.filter((endpoint) => !goal.replicas.includes(endpoint));
  const missing = goal.replicas.filter((endpoint) => !here.includes(endpoint));
  const leader = goal.leader ?? (goal.replicas.includes(head.endpoint) ? head.endpoint : goal.replicas[0]!);
  const away = [...missing, leader].find((endpoint) => !healthy.has(endpoint));
  if (away !== undefined) return { stuck: `the tablet ${away} is away` };
  if (extra.includes(head.endpoint)) {
    if (here.includes(leader)) return handOver(view, head, leader, enough);
    return { step: { do: 'add-replica', endpoint: leader } };
  }
  const wanted = missing.includes(leader) ? leader : missing[0];
  if (wanted !== undefined) {
    if (extra[0] !== undefined) return { step: { do: 'migrate', from: extra[0], to: wanted } };
    return { step: { do: 'add-replica', endpoint: wanted } };
  }
  if (leader !== head.endpoint) return handOver(view, head, leader, enough);
  if (extra[0] !== undefined) return { step: { do: 'del-replica', endpoint: extra[0] } };
  return undefined;
}

/** What the partition looks like after a step that went well, as the nameserver and the tablets describe it. For plans that say what they do. */
export function applied(view: PartitionView, step: Step): PartitionView {
  const partition: Partition = { ...view.partition, replicas: view.partition.replicas.map((replica) => ({ ...replica })) };
  const held = new Map(view.held);
  const at = (endpoint: string): Replica | undefined => partition.replicas.find((replica) => replica.endpoint === endpoint);
  const most = partition.replicas.reduce((sum, { offset }) => (offset !== undefined && offset > sum ? offset : sum), 0n);
  const follow = (endpoint: string): void => void held.set(endpoint, { mode: 'kTableFollower', state: 'kTableNormal', offset: most });
  const lead = (endpoint: string): void => void held.set(endpoint, { mode: 'kTableLeader', state: 'kTableNormal', offset: most });
  switch (step.do) {
    case 'load':
      lead(step.endpoint);
      break;
    case 'mark':
      at(step.endpoint)!.alive = step.alive;
      break;
    case 'resume-snapshots':
      held.set(step.endpoint, { ...(held.get(step.endpoint) as Loaded), state: 'kTableNormal' });
      break;
    case 'recover':
      Object.assign(at(step.endpoint)!, { alive: true, leader: false });
      follow(step.endpoint);
      break;
    case 'change-leader':
      for (const replica of partition.replicas) if (replica.leader) replica.alive = false;
      Object.assign(at(step.to)!, { leader: true, alive: true });
      lead(step.to);
      break;
    case 'add-replica':
      partition.replicas.push({ endpoint: step.endpoint, leader: false, alive: true, offset: most });
      follow(step.endpoint);
      break;
    case 'del-replica':
      partition.replicas = partition.replicas.filter(({ endpoint }) => endpoint !== step.endpoint);
      held.set(step.endpoint, 'absent');
      break;
    case 'migrate':
      partition.replicas = partition.replicas.filter(({ endpoint }) => endpoint !== step.from);
      partition.replicas.push({ endpoint: step.to, leader: false, alive: true, offset: most });
      held.set(step.from, 'absent');
      follow(step.to);
      break;
  }
  return { ...view, partition, held };
}

/** More steps than any way has; one that takes more goes in a circle. */
const MOST_STEPS = 60;

/** All steps from here to the goal, where each goes well, and how it ends. */
export function stepsTo(view: PartitionView, goal: Placement, options: StepOptions): { steps: Step[]; end: Next } {
  const steps: Step[] = [];
  let seen = view;
  while (steps.length < MOST_STEPS) {
    const next = nextStep(seen, goal, options);
    if (!('step' in next)) return { steps, end: next };
    steps.push(next.step);
    seen = applied(seen, next.step);
  }
  return { steps, end: { stuck: 'no way there was found' } };
}

/** A step in words, also its name in the journal. */
export function stepName(step: Step): string {
  switch (step.do) {
    case 'load':
      return `load at ${step.endpoint}`;
    case 'mark':
      return `mark ${step.endpoint} ${step.alive ? 'alive' : 'not alive'}`;
    case 'resume-snapshots':
      return `resume snapshots at ${step.endpoint}`;
    case 'recover':
      return `recover ${step.endpoint}`;
    case 'change-leader':
      return `lead from ${step.to}`;
    case 'add-replica':
      return `add ${step.endpoint}`;
    case 'del-replica':
      return `remove ${step.endpoint}`;
    case 'migrate':
      return `migrate ${step.from} to ${step.to}`;
  }
}
