/** Depths of queues, from the metrics the API gives to machines. Pure. */

export interface QueueDepth {
  queue: string;
  waiting: number;
  active: number;
  delayed: number;
  /** How long its workers have to do with it. */
  backlogSeconds?: number;
}

export interface SpoolHeld {
  bytes: number;
  inodes: number;
}

export function queuesOf(metrics: string): QueueDepth[] {
  const depths = new Map<string, QueueDepth>();
  for (const [, labels = '', value] of metrics.matchAll(/^longshore_queue_jobs\{([^}]*)\} (\S+)$/gm)) {
    const queue = /queue="([^"]*)"/.exec(labels)?.[1];
    const state = /state="([^"]*)"/.exec(labels)?.[1];
    if (queue === undefined) continue;
    const depth = depths.get(queue) ?? { queue, waiting: 0, active: 0, delayed: 0 };
    if (state === 'waiting' || state === 'active' || state === 'delayed') depth[state] = Number(value);
    depths.set(queue, depth);
  }
  for (const [, queue = '', value] of metrics.matchAll(/^longshore_backlog_seconds\{queue="([^"]*)"\} (\S+)$/gm)) {
    const depth = depths.get(queue);
    if (depth) depth.backlogSeconds = Number(value);
  }
  return [...depths.values()];
}

/** Batches that lie in a spool and wait to be restored. */
export function readyIn(spool: string, queues: readonly QueueDepth[]): number {
  const { waiting = 0, delayed = 0 } = queues.find(({ queue }) => queue === `restore.${spool}`) ?? {};
  return waiting + delayed;
}

/** Room that tasks have reserved, by spool. */
export function heldOf(metrics: string): ReadonlyMap<string, SpoolHeld> {
  const held = new Map<string, SpoolHeld>();
  for (const [, spool = '', what, value] of metrics.matchAll(
    /^longshore_spool_reserved\{spool="([^"]*)",what="(bytes|inodes)"\} (\S+)$/gm,
  )) {
    const one = held.get(spool) ?? { bytes: 0, inodes: 0 };
    one[what as keyof SpoolHeld] = Number(value);
    held.set(spool, one);
  }
  return held;
}
