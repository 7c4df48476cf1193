/** For machines: is the process there, can it work, and a few numbers in Prometheus's text format. */
import type { OperationHeader } from '@longshore/core';
import { FINAL_STATES, ROLES } from '@longshore/core';
import { storeAnswers } from '../guards.ts';
import type { ApiSetup } from '../setup.ts';
import type { Api } from './api.ts';

/** Operations looked at for one scrape, newest first. */
const MAX_COUNTED = 5_000;
const PAGE = 500;

export function healthRoutes(api: Api, setup: ApiSetup): void {
  api.get('/healthz', async () => ({ ok: true }));
  api.get('/readyz', async () => {
    await setup.ready();
    return { ok: true };
  });
  api.get('/metrics', async (_request, reply) => {
    await storeAnswers(setup.engine.store);
    return reply.type('text/plain; version=0.0.4; charset=utf-8').send(await metrics(setup));
  });
}

interface Sample {
  labels: Record<string, string>;
  value: number;
}

async function metrics({ engine }: ApiSetup): Promise<string> {
  const { store, transport, registry } = engine;
  const spools = await store.spools();
  const prefixes = new Set([...registry.tasks.values()].flatMap(({ queue }) => queue ?? []));
  const roles = new Set([...registry.tasks.values()].map(({ role }) => role));
  const queues = [
    ...ROLES.filter((role) => roles.has(role)),
    ...[...prefixes].flatMap((prefix) => spools.map(({ name }) => `${prefix}.${name}`)),
  ];
  const depths: Sample[] = [];
  for (const queue of queues)
    for (const [state, value] of Object.entries(await transport.depth(queue))) depths.push({ labels: { queue, state }, value });

  const operations = new Map<string, number>();
  for (const { state } of await newest(store)) operations.set(state, (operations.get(state) ?? 0) + 1);
  for (const state of FINAL_STATES) if (!operations.has(state)) operations.set(state, 0);

  const workers = await store.workers();
  const byRole = Map.groupBy(workers, ({ role }) => role);
  const perRole = (name: 'busy' | 'concurrency'): Sample[] =>
    [...byRole].map(([role, group]) => ({ labels: { role }, value: group.reduce((sum, worker) => sum + worker[name], 0) }));

  return [
    family('longshore_queue_jobs', 'Jobs in a queue.', depths),
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
  ].join('');
}

async function newest(store: ApiSetup['engine']['store']): Promise<OperationHeader[]> {
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
