/** What a process tells Prometheus of itself: memory, processor and event loop of Node, whether Redis answers, and what it adds. */
import type { Store } from '@longshore/core';
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';

/** A sign of life later than this is none. */
const PATIENCE_MS = 2_000;

export interface ProcessMetrics {
  registry: Registry;
  /** In Prometheus's text format. */
  text(): Promise<string>;
  stop(): void;
}

/** One a process: it watches the garbage collector and the event loop. */
export function processMetrics(store: Pick<Store, 'getShared'>, role: string): ProcessMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: 'longshore_process_info',
    help: 'Constant 1, with the role of this process.',
    labelNames: ['role'],
    registers: [registry],
  })
    .labels(role)
    .set(1);
  const up = new Gauge({ name: 'longshore_redis_up', help: "1 while the fleet's Redis answers this process.", registers: [registry] });
  return {
    registry,
    async text() {
      up.set((await answers(store)) ? 1 : 0);
      return registry.metrics();
    },
    stop: () => registry.clear(),
  };
}

/** Commands to a lost Redis wait for its return; a scrape should not. */
async function answers(store: Pick<Store, 'getShared'>): Promise<boolean> {
  const late = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => late.resolve(false), PATIENCE_MS);
  const asked = store.getShared('metrics-sign-of-life').then(
    () => true,
    () => false,
  );
  try {
    return await Promise.race([asked, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
