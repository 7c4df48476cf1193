/** A migration of very many batches with a point each: what it takes of Redis while it runs, and that it ends. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Dataset, Series } from '../dataset/index.ts';
import { type Case, secondsSince } from './case.ts';
import { startStandIn } from './orders.ts';
import { redisMemory } from './raw-redis.ts';
import { judge } from './verdict.ts';
import { openWorld, type World } from './world.ts';

const BATCHES = Number(process.env.LONGSHORE_FAULTS_BATCHES ?? 100_000);
const STEP_MS = 60_000;
const METRIC = 'kilda.sparse';
const MOST_JOBS = 500;
const MOST_REDIS_BYTES = 100_000_000;
const PATIENCE_MS = 6 * 3_600_000;
const SAMPLE_MS = 500;
const QUEUES = ['dumper', 'restorer', 'dump.local', 'restore.local', 'advance'];

export const manyBatches: Case = async ({ dir, say }) => {
  const stopMs = Date.UTC(2026, 10, 20);
  const dataset = sparse(stopMs - BATCHES * STEP_MS, stopMs);
  await using source = await startStandIn({ kind: 'sparse', metric: METRIC, startMs: dataset.startMs, stopMs, stepMs: STEP_MS });
  await using world = await openWorld({ dir, dataset, source, concurrency: 4 });
  const begun = Date.now();
  const id = await world.submit({ intervalMs: STEP_MS, settleMs: 30_000 });
  const most = { jobs: 0, 'Redis bytes': 0, 'live tasks': 0 };
  let told = 0;
  const header = await world.until(
    id,
    'the end of the operation',
    ({ endedAt, stages }) => {
      const done = stages.find(({ name }) => name === 'move')?.done ?? 0;
      if (done - told >= BATCHES / 10) {
        told = done;
        say(`${done} batches after ${secondsSince(begun)} s`);
      }
      return endedAt !== undefined;
    },
    PATIENCE_MS,
    async () => {
      most.jobs = Math.max(most.jobs, await jobsOf(world));
      most['Redis bytes'] = Math.max(most['Redis bytes'], await redisMemory(world.redisUrl));
      most['live tasks'] = Math.max(most['live tasks'], (await world.fleet.store.load(id))?.tasks.size ?? 0);
      await pause(SAMPLE_MS);
    },
  );
  const seconds = secondsSince(begun);
  const { problems } = await judge(world, header, { namedDoubles: false });
  if (most.jobs > MOST_JOBS) problems.push(`${most.jobs} jobs in Redis at once`);
  if (most['Redis bytes'] > MOST_REDIS_BYTES) problems.push(`${most['Redis bytes']} bytes in Redis`);
  return {
    problems,
    figures: {
      batches: BATCHES,
      'most jobs': most.jobs,
      'most live tasks': most['live tasks'],
      'most MB in Redis': Math.round(most['Redis bytes'] / 1e5) / 10,
      seconds,
      'batches a second': Math.round(BATCHES / seconds),
    },
  };
};

async function jobsOf(world: World): Promise<number> {
  let jobs = 0;
  for (const queue of QUEUES) {
    const { waiting, active, delayed } = await world.fleet.transport.depth(queue);
    jobs += waiting + active + delayed;
  }
  return jobs;
}

function sparse(startMs: number, stopMs: number): Dataset {
  const series: Series = {
    metric: METRIC,
    tags: { host: 'one' },
    *points() {
      for (let ms = startMs; ms < stopMs; ms += STEP_MS) yield [ms, String(ms / STEP_MS), String(ms / STEP_MS)];
    },
  };
  const points = (stopMs - startMs) / STEP_MS;
  return { name: 'sparse', startMs, stopMs, days: points / 1440, points, metrics: [METRIC], series: () => [series] };
}
