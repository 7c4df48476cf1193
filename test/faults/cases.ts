/** The cases, by name. Each runs against a world of its own and gives what went wrong and some figures. */
import { setTimeout as pause } from 'node:timers/promises';
import type { OperationHeader } from '@longshore/core';
import { type Case, type CaseContext, QUERY, secondsSince } from './case.ts';
import { diskFull } from './disk-full.ts';
import { manyBatches } from './many-batches.ts';
import { harass, type Plan, type Strike } from './nemesis.ts';
import { startStandIn } from './orders.ts';
import { contentOf } from './sink-content.ts';
import { contentProblems, judge, leftovers } from './verdict.ts';
import { openWorld, TARGETS, type TargetName, type World } from './world.ts';

const IMPORT = '^POST /api/v1/import\\?';
/** Longer than the sink's deadline and queue time together. */
const LANDS_AFTER_MS = 8_000;
/** Every query waits so long, so that a migration lasts long enough to be struck several times. */
const SLOW_MS = 150;
/** More migrations than this are not begun for one case. */
const MOST_MIGRATIONS = 12;

/** Strikes in migration after migration, each into an empty sink and judged at its end, until there were enough. */
function strikes(plan: Plan): Case {
  return async (context) => {
    const { random, rounds, source, say } = context;
    await source.add({ match: QUERY, effect: { kind: 'delay', ms: SLOW_MS } });
    await using world = await openWorld(context);
    const problems: string[] = [];
    const made: Strike[] = [];
    const figures = { migrations: 0, strikes: 0, 'tasks struck': 0, doubled: 0, retries: 0, resent: 0, 'points sent': 0 };
    const begun = Date.now();
    while (made.length < rounds && figures.migrations < MOST_MIGRATIONS && problems.length === 0) {
      if (figures.migrations > 0) await world.emptySink();
      figures.migrations += 1;
      const id = await world.submit();
      if (plan.awayMs !== undefined) await toTheMiddle(world, id);
      const struck = await harass(world, id, plan, random, rounds);
      made.push(...struck);
      const header = await world.ended(id);
      const verdict = await judge(world, header, { namedDoubles: plan.signal === 'SIGSTOP' });
      problems.push(...verdict.problems.map((problem) => `${id}: ${problem}`));
      figures.doubled += verdict.content.doubled;
      for (const name of ['retries', 'resent'] as const) figures[name] += header.counters[name] ?? 0;
      figures['points sent'] += header.counters.points ?? 0;
      say(
        `${id} ${header.state} after ${struck.length} strikes: ${struck.map(({ victim, afterMs }) => `${victim} at ${afterMs} ms`).join(', ')}`,
      );
    }
    figures.strikes = made.length;
    figures['tasks struck'] = made.reduce((sum, { inFlight }) => sum + inFlight.length, 0);
    if (made.length < rounds) problems.push(`only ${made.length} of ${rounds} strikes found work in flight`);
    return { problems, figures: { ...figures, seconds: secondsSince(begun) } };
  };
}

async function toTheMiddle(world: World, id: string): Promise<void> {
  const third = world.dataset.points / 3;
  await world.until(id, 'a third of the points', ({ counters, endedAt }) => (counters.points ?? 0) > third || endedAt !== undefined);
}

/** Redis away once for so long, in the middle of a migration. */
function redisAway(awayMs: number): Case {
  return async (context) => strikes({ target: 'redis', signal: 'SIGKILL', awayMs })({ ...context, rounds: 1 });
}

/** Failures of every kind: an error, a cut connection, half a reply. */
const everyFifth: Case = async (context) => {
  const { source } = context;
  await source.add({
    match: QUERY,
    every: 5,
    effect: { kind: 'status', status: 500, body: '{"error":{"code":500,"message":"on order"}}' },
  });
  await source.add({ match: QUERY, every: 15, effect: { kind: 'reset-before' } });
  await source.add({ match: QUERY, every: 35, effect: { kind: 'truncate', afterBytes: 5_000, ending: 'clean' } });
  await using world = await openWorld(context);
  const begun = Date.now();
  const id = await world.submit();
  const header = await world.ended(id);
  const { problems } = await judge(world, header, { namedDoubles: false });
  const failed = (await source.hits()).reduce((sum, hits) => sum + hits, 0);
  const { retries = 0, splits = 0, queries = 0 } = header.counters;
  if (retries + splits < failed) problems.push(`${failed} queries failed, the report says ${retries} retries and ${splits} splits`);
  return { problems, figures: { 'queries failed': failed, 'queries answered': queries, retries, splits, seconds: secondsSince(begun) } };
};

/** A sink that answers 503 with Retry-After for a while, twice, and takes half a body before it does so. */
const pushesBack: Case = async (context) => {
  const { source } = context;
  await using sink = await startStandIn({ kind: 'victoria-metrics' });
  await source.add({ match: QUERY, effect: { kind: 'delay', ms: SLOW_MS } });
  await using world = await openWorld({ ...context, sinkUrl: sink.url });
  const begun = Date.now();
  const id = await world.submit();
  let pushed = 0;
  for (const effect of [
    { kind: 'status', status: 503, retryAfter: 2, body: 'busy' },
    { kind: 'partial', keep: 0.5, status: 503, body: 'busy in the middle' },
  ] as const) {
    const sent = (await world.fleet.store.header(id))?.counters.points ?? 0;
    await world.until(id, 'some points to be sent', ({ counters, endedAt }) => (counters.points ?? 0) > sent || endedAt !== undefined);
    await sink.add({ match: IMPORT, effect });
    await pause(6_000);
    pushed += (await sink.hits()).reduce((sum, hits) => sum + hits, 0);
    await sink.clear();
  }
  const header = await world.ended(id);
  const { problems } = await judge(world, header, { namedDoubles: false });
  if (pushed === 0) problems.push('no import met the pushing back');
  return { problems, figures: { 'pushed back': pushed, retries: header.counters.retries ?? 0, seconds: secondsSince(begun) } };
};

/** Uploads that take effect long after they can have: the sink then holds points twice, and the report must name every one. */
const landsLate: Case = async (context) => {
  await using sink = await startStandIn({ kind: 'victoria-metrics' });
  await using world = await openWorld({ ...context, sinkUrl: sink.url });
  const begun = Date.now();
  await sink.add({ match: IMPORT, every: 9, effect: { kind: 'late', landsAfterMs: LANDS_AFTER_MS, reply: 'reset' } });
  const id = await world.submit({ settleMs: LANDS_AFTER_MS });
  const header = await world.ended(id);
  const { problems, content } = await judge(world, header, { namedDoubles: true });
  if (content.doubled === 0) problems.push('nothing was doubled: the case proves nothing');
  return { problems, figures: { late: (await sink.hits())[0] ?? 0, doubled: content.doubled, seconds: secondsSince(begun) } };
};

/** How a first migration may end before the same is submitted again. */
const ENDINGS: Record<string, (world: World, context: CaseContext) => Promise<OperationHeader>> = {
  async cancel(world) {
    const id = await world.submit();
    await toTheMiddle(world, id);
    await world.fleet.service.act(id, 'cancel', 'faults');
    return world.ended(id);
  },
  async failure(world, { source }) {
    await source.add({ match: `${QUERY}.*kilda\\.isl`, every: 4, effect: { kind: 'status', status: 403, body: 'not allowed' } });
    const header = await world.ended(await world.submit());
    await source.clear();
    return header;
  },
  async success(world) {
    return world.ended(await world.submit());
  },
};

const EXPECTED_STATE: Record<string, string> = { cancel: 'cancelled', failure: 'failed', success: 'succeeded' };

function resubmitAfter(ending: string): Case {
  return async (context) => {
    const { dataset, source } = context;
    if (ending === 'cancel') await source.add({ match: QUERY, effect: { kind: 'delay', ms: SLOW_MS } });
    await using world = await openWorld(context);
    const begun = Date.now();
    const first = await ENDINGS[ending]!(world, context);
    await source.clear();
    const problems = first.state === EXPECTED_STATE[ending] ? [] : [`the first migration ended as ${first.state}: ${first.error?.message}`];
    problems.push(...(await leftovers(world)));
    const before = await contentOf(world.sinkUrl, dataset);
    if (before.moved + before.doubled + before.foreign + before.wrongValue > 0) problems.push(`after the first: ${JSON.stringify(before)}`);

    const refused = await world.ended(await world.submit());
    if (refused.error?.exitCode !== 4) problems.push(`with refuse it ended as ${refused.state} with exit code ${refused.error?.exitCode}`);
    const unchanged = await contentOf(world.sinkUrl, dataset);
    if (unchanged.found !== before.found)
      problems.push(`the refused one changed the sink from ${before.found} to ${unchanged.found} points`);

    const filled = await world.ended(await world.submit({ existing: 'fill' }));
    if (filled.state !== 'succeeded') problems.push(`with fill it ended as ${filled.state}: ${filled.error?.message}`);
    const after = await contentOf(world.sinkUrl, dataset);
    problems.push(...contentProblems(after), ...(await leftovers(world)));
    const sent = filled.counters.points ?? 0;
    if (sent !== dataset.points - before.found)
      problems.push(`fill sent ${sent} points where ${dataset.points - before.found} were missing`);
    return { problems, figures: { 'there before': before.found, 'sent by fill': sent, seconds: secondsSince(begun) } };
  };
}

const strikeCases = (name: string, signal: Plan['signal']): [string, Case][] =>
  TARGETS.map((target: TargetName) => [`${name}-${target}`, strikes({ target, signal })]);

export const CASES: ReadonlyMap<string, Case> = new Map<string, Case>([
  ...strikeCases('kill', 'SIGKILL'),
  ...strikeCases('stop', 'SIGSTOP'),
  ['redis-away-3s', redisAway(3_000)],
  ['redis-away-60s', redisAway(60_000)],
  ['disk-full', diskFull],
  ['source-every-fifth', everyFifth],
  ['sink-pushes-back', pushesBack],
  ['sink-lands-late', landsLate],
  ...Object.keys(ENDINGS).map((ending): [string, Case] => [`resubmit-after-${ending}`, resubmitAfter(ending)]),
  ['many-batches', manyBatches],
]);
