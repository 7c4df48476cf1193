/** The nameserver's ten queues: only their heads run, one task of each at a tick. */
import type { ClusterState, OpState, PartitionState } from './state.ts';

export interface OpFaults {
  /** Ops of these types stay at their first task for ever. */
  stuck: Set<string>;
  /** So many ops of a type fail; at this task, or at their first. */
  failing: Map<string, { times: number; task?: string }>;
  /** A child is begun so many ticks after its parent has ended. */
  lazyTicks: number;
}

export class Queues {
  readonly faults: OpFaults = { stuck: new Set(), failing: new Map(), lazyTicks: 0 };
  readonly #state: ClusterState;
  readonly #nowSeconds: () => bigint;
  readonly #waits = new Map<bigint, number>();
  readonly #doomed = new Map<bigint, string | undefined>();
  /** Called when an op has ended, or is at another task. */
  onChange: (op: OpState) => void = () => undefined;
  ticks = 0;

  constructor(state: ClusterState, nowSeconds: () => bigint) {
    this.#state = state;
    this.#nowSeconds = nowSeconds;
  }

  enqueue(op: OpState, asChild: boolean): void {
    const queue = this.#state.queues[op.queue]!;
    if (asChild) {
      queue.splice(1, 0, op);
      this.#waits.set(op.id, this.faults.lazyTicks);
    } else queue.push(op);
    const failing = this.faults.failing.get(op.type);
    if (!failing || failing.times <= 0) return;
    failing.times -= 1;
    this.#doomed.set(op.id, failing.task);
  }

  tick(): void {
    if (this.#state.queues.some((queue) => queue.length > 0)) this.ticks += 1;
    for (const queue of this.#state.queues) {
      const op = queue[0];
      if (op) this.#advance(op, queue);
    }
    for (const { tid, partitions } of this.#state.tables)
      for (const partition of partitions) {
        this.#replicate(tid, partition);
        const { pid, metas } = partition;
        for (const meta of metas) {
          const loaded = this.#state.tablet(meta.endpoint)?.up ? this.#state.loaded(meta.endpoint, tid, pid) : undefined;
          if (loaded && meta.offset !== undefined) meta.offset = loaded.offset;
        }
      }
  }

  /** What the leader has goes to its followers. */
  #replicate(tid: number, partition: PartitionState): void {
    const leader = this.#state.leader(partition);
    const leads = leader && this.#state.tablet(leader.endpoint)?.up ? this.#state.loaded(leader.endpoint, tid, partition.pid) : undefined;
    if (!leads) return;
    for (const { endpoint, isAlive } of partition.metas) {
      const tablet = this.#state.tablet(endpoint);
      const follows = this.#state.loaded(endpoint, tid, partition.pid);
      if (isAlive && endpoint !== leader!.endpoint && tablet?.up && !tablet.slow && follows) follows.offset = leads.offset;
    }
  }

  #advance(op: OpState, queue: OpState[]): void {
    const waits = this.#waits.get(op.id) ?? 0;
    if (op.cancelled) this.#end(op, queue, 'kCanceled');
    else if (waits > 0) this.#waits.set(op.id, waits - 1);
    else if (op.status === 'kInited') {
      op.status = 'kDoing';
      op.startTime = this.#nowSeconds();
      this.onChange(op);
    } else if (!this.faults.stuck.has(op.type)) this.#work(op, queue);
  }

  #work(op: OpState, queue: OpState[]): void {
    const task = op.tasks[op.at];
    const doomed = this.#doomed.has(op.id) && (this.#doomed.get(op.id) ?? op.tasks[0]?.name) === task?.name;
    const result = doomed ? 'fail' : (task?.run() ?? 'ok');
    if (result === 'wait') return;
    if (result === 'fail') {
      this.#end(op, queue, 'kFailed');
      return;
    }
    op.at += 1;
    if (op.at >= op.tasks.length) this.#end(op, queue, 'kDone');
    else this.onChange(op);
  }

  #end(op: OpState, queue: OpState[], status: OpState['status']): void {
    op.status = status;
    op.endTime = this.#nowSeconds();
    queue.shift();
    this.#state.history.push(op);
    this.onChange(op);
  }
}
