/** Depths of queues, from the metrics the API gives to machines. Pure. */

export interface QueueDepth {
  queue: string;
  waiting: number;
  active: number;
  delayed: number;
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
  return [...depths.values()];
}
