/** The fleet in numbers, in Prometheus's text format. */
import type { OperationHeader, Presence } from '@longshore/core';
import { FINAL_STATES, isAtRest, lagMs, ROLES } from '@longshore/core';
import type { ProcessMetrics } from '@longshore/host';
import type { Engine } from '@longshore/operations';
import type { FastifyInstance } from 'fastify';
import { Histogram } from 'prom-client';

/** Operations looked at for one scrape, newest first. */
const MAX_COUNTED = 5_000;
const PAGE = 500;

/** Counts requests by the route's own path, so that no caller can make up new labels. */
export function countRequests(server: FastifyInstance, { registry }: Pick<ProcessMetrics, 'registry'>): void {
  const name = 'longshore_api_request_seconds';
  const found = registry.getSingleMetric(name);
  const seconds =
    found instanceof Histogram
      ? found
      : new Histogram({
          name,
          help: 'How long requests took; of event streams, how long they were open.',
          labelNames: ['method', 'route', 'status'],
          buckets: [0.005, 0.025, 0.1, 0.5, 1, 3, 10],
          registers: [registry],
        });
  server.addHook('onResponse', async (request, reply) => {
    const labels = { method: request.method, route: request.routeOptions.url ?? 'unknown', status: reply.statusCode };
    seconds.observe(labels, reply.elapsedTime / 1000);
  });
}

interface Sample {
  labels: Record<string, string>;
  value: number;
}

/**
 * What must not stay: guards that are open, by the kind that opened them and their target. Only kinds that open any are looked at; how long
 * one is overdue is a number of its own, since every guard has a limit of its own.
 */
async function guardMetrics(engine: Pick<Engine, 'store' | 'registry' | 'clock'>, operations: readonly OperationHeader[]): Promise<string> {
  const { store, registry, clock } = engine;
  const now = clock.now();
  const open = new Map<string, { labels: Record<string, string>; count: number; age: number; overdue: number }>();
  let attention = 0;
  for (const { id, kind, attention: wrong } of operations) {
    if (wrong) attention = Math.max(attention, (now - wrong.since) / 1000);
    if (registry.kinds.get(kind)?.guarded !== true) continue;
    for (const guard of (await store.load(id))?.guards.values() ?? []) {
      if (guard.state !== 'open') continue;
      const key = `${kind} ${guard.target}`;
      const found = open.get(key) ?? { labels: { kind, target: guard.target }, count: 0, age: 0, overdue: 0 };
      const ms = now - guard.openedAt;
      open.set(key, {
        labels: found.labels,
        count: found.count + 1,
        age: Math.max(found.age, ms / 1000),
        overdue: Math.max(found.overdue, (ms - guard.maxMs) / 1000),
      });
    }
  }
  const all = [...open.values()];
  const samples = (value: (one: (typeof all)[number]) => number): Sample[] => all.map((one) => ({ labels: one.labels, value: value(one) }));
  return [
    family(
      'longshore_guards_open',
      'States of targets that must not outlive an operation, such as denied writes, open now.',
      all.length > 0 ? samples(({ count }) => count) : [{ labels: {}, value: 0 }],
    ),
    family(
      'longshore_guard_age_seconds',
      'How long the oldest open guard has been open.',
      samples(({ age }) => age),
    ),
    family(
      'longshore_guard_overdue_seconds',
      'How much longer than it may the longest overdue guard has been open.',
      samples(({ overdue }) => overdue),
    ),
    family('longshore_attention_seconds', 'How long the operation that has needed a person longest has needed one.', [
      { labels: {}, value: attention },
    ]),
  ].join('');
}

/** Everything the store says of the fleet as a whole; what happens inside a worker it says itself. */
export async function fleetMetrics(engine: Engine): Promise<string> {
  const { store, transport, registry, clock } = engine;
  const spools = await store.spools();
  const prefixes = new Set([...registry.tasks.values()].flatMap(({ queue }) => queue ?? []));
  const roles = new Set([...registry.tasks.values()].map(({ role }) => role));
  const queues = [
    ...ROLES.filter((role) => roles.has(role)),
    ...[...prefixes].flatMap((prefix) => spools.map(({ name }) => `${prefix}.${name}`)),
  ];
  const workers = await store.workers();
  const depths: Sample[] = [];
  const backlog: Sample[] = [];
  for (const queue of queues) {
    const depth = await transport.depth(queue);
    for (const [state, value] of Object.entries(depth)) depths.push({ labels: { queue, state }, value });
    backlog.push({ labels: { queue }, value: backlogSeconds(queue, depth.waiting + depth.active, workers) });
  }
  const room: Sample[] = [];
  for (const { name } of spools) {
    const held = await store.reservations(name);
    room.push({ labels: { spool: name, what: 'bytes' }, value: held.reduce((sum, { bytes }) => sum + bytes, 0) });
    room.push({ labels: { spool: name, what: 'inodes' }, value: held.reduce((sum, { inodes }) => sum + inodes, 0) });
  }

  const operations = new Map<string, number>();
  let oldestApproval = 0;
  const known = await newest(store);
  for (const { state, awaits } of known) {
    operations.set(state, (operations.get(state) ?? 0) + 1);
    if (awaits) oldestApproval = Math.max(oldestApproval, (clock.now() - awaits.since) / 1000);
  }
  for (const state of [...FINAL_STATES, 'needs-attention']) if (!operations.has(state)) operations.set(state, 0);

  const byRole = Map.groupBy(workers, ({ role }) => role);
  const perRole = (name: 'busy' | 'concurrency'): Sample[] =>
    [...byRole].map(([role, group]) => ({ labels: { role }, value: group.reduce((sum, worker) => sum + worker[name], 0) }));

  return [
    family('longshore_queue_jobs', 'Jobs in a queue.', depths),
    family(
      'longshore_backlog_seconds',
      'How long the workers that serve a queue have to do with what is in it; without any, one place of one worker.',
      backlog,
    ),
    family('longshore_spool_reserved', 'Room in a spool that tasks have reserved.', room),
    family('longshore_approval_wait_seconds', 'How long the operation that has waited longest for an approval has waited.', [
      { labels: {}, value: oldestApproval },
    ]),
    family('longshore_dead_letters', 'Tasks that took one worker after the other down and were given up.', [
      { labels: {}, value: (await store.deadLetters()).length },
    ]),
    family(
      'longshore_operations',
      'Operations the store still has, by state.',
      [...operations].map(([state, value]) => ({ labels: { state }, value })),
    ),
    family(
      'longshore_workers',
      'Processes that said of themselves lately that they live.',
      [...byRole].map(([role, group]) => ({ labels: { role }, value: group.length })),
    ),
    family('longshore_worker_slots', 'Tasks the workers can run at once.', perRole('concurrency')),
    family('longshore_worker_slots_busy', 'Tasks the workers run now.', perRole('busy')),
    family(
      'longshore_lag_seconds',
      'Of operations that go on until their end is asked for: time between now, or that end, and up to when everything is done.',
      known.flatMap((header): Sample[] => {
        const lag = isAtRest(header) ? undefined : lagMs(header, clock.now());
        return lag === undefined ? [] : [{ labels: { operation: header.id, kind: header.kind }, value: lag / 1000 }];
      }),
    ),
    await guardMetrics(
      engine,
      known.filter((header) => !isAtRest(header)),
    ),
  ].join('');
}

/** What a task takes where no worker has done one yet, in seconds. */
const UNKNOWN_TASK_SECONDS = 10;

/** For autoscalers: jobs that could run, times what one took lately, over the places there are for them. */
export function backlogSeconds(queue: string, jobs: number, workers: readonly Presence[]): number {
  const dot = queue.indexOf('.');
  const [role, spool] = dot < 0 ? [queue] : [undefined, queue.slice(dot + 1)];
  const serving = workers.filter((worker) =>
    spool === undefined ? worker.role === role : worker.secondsPerTask !== undefined && worker.spools.includes(spool),
  );
  const known = workers.flatMap(({ secondsPerTask }) => secondsPerTask?.[queue] ?? []);
  const seconds = known.length === 0 ? UNKNOWN_TASK_SECONDS : known.reduce((sum, one) => sum + one, 0) / known.length;
  const places = serving.reduce((sum, { concurrency }) => sum + concurrency, 0);
  return Math.round(((jobs * seconds) / Math.max(1, places)) * 1000) / 1000;
}

async function newest(store: Engine['store']): Promise<OperationHeader[]> {
  const found: OperationHeader[] = [];
  let after: string | undefined;
  do {
    const page = await store.list({ limit: PAGE, ...(after === undefined ? {} : { after }) });
    found.push(...page.operations);
    after = page.next;
  } while (after !== undefined && found.length < MAX_COUNTED);
  return found;
}

function family(name: string, help: string, samples: Sample[]): string {
  const lines = samples.map(({ labels, value }) => {
    const inner = Object.entries(labels).map(([key, text]) => `${key}="${text.replace(/[\\"\n]/g, '_')}"`);
    return `${name}{${inner.join(',')}} ${value}\n`;
  });
  return `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${lines.join('')}`;
}
