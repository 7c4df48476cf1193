/**
 * A hundred operations on ten targets, two schedulers, ten workers, and something that kills: at the end everything must be over, every
 * guard closed, and what the targets counted themselves must be as if nothing had happened.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { OperationHeader, Random } from '@longshore/core';
import { FINAL_STATES, LongshoreError } from '@longshore/core';
import { findRedis, startRedis } from '@longshore/programs';
import type { Traffic } from '@longshore/sandbox';
import { keepAdding, startCounterService } from '@longshore/sandbox';
import type { Fleet } from '../../support/fleet.ts';
import { startFleet } from '../../support/fleet.ts';
import type { CaseResult } from '../case.ts';
import { checkOperations, checkTargets, placeOf } from './checks.ts';
import { Killer, LOCK_MS } from './killer.ts';
import { observed } from './observed.ts';
import { People } from './people.ts';
import type { Target } from './targets.ts';
import { COUNTERS, MOVED_SERVICES, SERVICES, START_VALUE } from './targets.ts';

export interface ChaosOptions {
  dir: string;
  random: Random;
  /** How long things are killed, ms. */
  stormMs: number;
  operations: number;
  schedulers: number;
  workers: number;
  /** Redis is killed once in the middle and stays away so long; absent: it is left alone. */
  redisAwayMs?: number;
  say(line: string): void;
}

/** Services whose first counter has clients that keep adding. */
const BUSY = 4;
/** Two kills lie so far apart at least, and twice as much more at most. */
const BREATH_MS = 600;
/** So many want what another operation has. They are refused, or wait, and often find it elsewhere when their turn comes. */
const CONTESTED = 0.2;
/** So many of those, and all for which nothing is free, wait for what another one has. */
const PATIENT = 0.5;
/** So many have so little time that a death inside the guard makes them fail. */
const HURRIED = 0.2;
/** A submission is tried so often again where that can help. */
const SUBMISSIONS = 5;
/** A service takes no changes this often, and for so long. */
const OUTAGE_EVERY_MS = 6_000;
const OUTAGE_MS = 3_000;
const SWEEP_MS = 500;
/** How long a step of an operation is drawn out, so that something is always in the middle. */
const STEP_MS = 60;
/** With nothing killed any more, everything accepted must be over within this time. */
const HEALED_MS = 240_000;

/** The services to be evened out begin uneven: 0, 50, 100, 150, 200. */
function valueAtStart(service: number): number {
  if (service < MOVED_SERVICES) return START_VALUE;
  return ((service - MOVED_SERVICES) * 2 * START_VALUE) / (SERVICES - MOVED_SERVICES - 1);
}

export async function chaos(options: ChaosOptions): Promise<CaseResult> {
  const { dir, random, stormMs, say } = options;
  await mkdir(dir, { recursive: true });
  await using stack = new AsyncDisposableStack();
  const program = await findRedis();
  const startOurs = (port: number) => startRedis({ program, dir: join(dir, 'redis'), port, appendfsync: 'always' });
  let redis = await startOurs(0);
  stack.defer(() => redis.stop());

  const targets: Target[] = [];
  for (let at = 0; at < SERVICES; at += 1) {
    const counters = Object.fromEntries(Array.from({ length: COUNTERS }, (_, one) => [`k${at}-${one}`, valueAtStart(at)]));
    const service = stack.use(await startCounterService({ counters }));
    targets.push({ name: `c${at}`, service });
  }
  const fleet = await startFleet({
    dir,
    redisUrl: redis.url!,
    schedulers: options.schedulers,
    dumpers: 0,
    restorers: 0,
    migrators: Math.ceil(options.workers / 2),
    rebalancers: Math.floor(options.workers / 2),
    concurrency: 4,
    lockMs: LOCK_MS,
    sweepMs: SWEEP_MS,
    targets: Object.fromEntries(targets.map(({ name, service }) => [name, { system: 'counter', address: service.url }])),
  });
  stack.defer(() => fleet.stop());

  const traffics: Traffic[] = [];
  for (let at = 0; at < BUSY; at += 1)
    traffics.push(keepAdding({ service: targets[at]!.service.url, counter: `k${at}-0`, clients: 1, restMs: 20 }));
  const begun = Date.now();
  const figures: Record<string, number | string> = { operations: 0, kills: 0, 'redis away': 0 };
  const ids: string[] = [];
  const kills = new Killer(fleet, random, say);

  const submitting = observed(async (): Promise<void> => {
    for (let at = 0; at < options.operations; at += 1) {
      ids.push(await submitOne(fleet, targets, random));
      await pause((stormMs * 0.6 * random.next() * 2) / options.operations);
    }
  });
  const redisKilling = observed(async (): Promise<void> => {
    if (options.redisAwayMs === undefined) return;
    await pause(stormMs / 2);
    const port = Number(new URL(redis.url!).port);
    process.kill(redis.pid, 'SIGKILL');
    say(`redis is killed, for ${options.redisAwayMs} ms`);
    await pause(options.redisAwayMs);
    await redis.stop();
    redis = await startOurs(port);
    figures['redis away'] = options.redisAwayMs;
  });
  const people = new People(fleet, random);
  const deciding = observed(() => people.whileStormy(() => Date.now() - begun < stormMs));
  const failing = observed(() => failNowAndThen(targets, random, () => Date.now() - begun < stormMs));
  while (Date.now() - begun < stormMs) {
    await pause(BREATH_MS * (1 + 2 * random.next()));
    await kills.one();
  }
  await Promise.all([submitting, redisKilling, deciding, failing]);
  await kills.settled();
  figures.operations = ids.length;
  figures.kills = kills.count;
  say(`${kills.count} kills; now everything must come to its end`);

  const healedAt = Date.now();
  const calm = observed(() => people.afterwards());
  await ended(fleet, ids);
  await calm;
  // What was tried again in the calm has come to its end by now, too.
  const headers = await ended(fleet, ids);
  for (const header of headers) people.note(header);
  Object.assign(figures, people.counts);
  figures['healed within'] = Math.round((Date.now() - healedAt) / 1000);
  for (const traffic of traffics) await traffic.stop();
  const problems = [...people.problems, ...(await checkOperations(fleet, headers)), ...checkTargets(targets, headers, traffics)];
  for (const [state, group] of Map.groupBy(headers, ({ state }) => state)) figures[state] = group.length;
  for (const [code, count] of people.reasons) figures[code] = count;
  figures.effects = targets.reduce((sum, { service }) => sum + service.store.effects.length, 0);
  figures.adds = traffics.reduce((sum, { acknowledged }) => sum + acknowledged, 0);
  return { problems, figures: { ...figures, seconds: Math.round((Date.now() - begun) / 1000) } };
}

/** Now and then a service takes no changes for longer than a step inside a guard tries. */
async function failNowAndThen(targets: readonly Target[], random: Random, stormy: () => boolean): Promise<void> {
  while (stormy()) {
    await pause(OUTAGE_EVERY_MS * (0.5 + random.next()));
    const { knobs } = targets[Math.floor(random.next() * targets.length)]!.service;
    const outage = knobs.always(/^PUT /, { kind: 'status', status: 503 });
    await pause(OUTAGE_MS);
    outage.remove();
  }
}

/** Mostly moves of one or two counters, the rest evening out; many of them want what others have. */
async function submitOne(fleet: Fleet, targets: readonly Target[], random: Random): Promise<string> {
  const some = (below: number): number => Math.floor(random.next() * below);
  const approvals = random.next() < 0.3 ? ('cutover' as const) : ('none' as const);
  const contested = random.next() < CONTESTED;
  const taken = await takenNow(fleet);
  const submit = async (kind: string, params: object, isFree: boolean): Promise<string> => {
    const submission = { kind, params, owner: 'chaos', approvals, patient: contested ? random.next() < PATIENT : !isFree };
    for (let left = SUBMISSIONS; ; left -= 1)
      try {
        return (await fleet.service.submit(submission)).id;
      } catch (error) {
        // On a machine this busy a new connection to Redis may take too long, which is said; nothing was submitted then.
        if (!(error instanceof LongshoreError) || !error.data.retryable || left === 0) throw error;
      }
  };
  /** One of them, of those that nobody has if there are such. */
  const oneOf = (all: readonly string[]): string => {
    const free = contested ? [] : all.filter((name) => !taken.has(name));
    return (free.length > 0 ? free : all)[some(free.length > 0 ? free.length : all.length)]!;
  };
  if (random.next() < 0.25) {
    const even = targets.slice(MOVED_SERVICES).map(({ name }) => name);
    const first = oneOf(even);
    const services = [first, oneOf(even.filter((name) => name !== first))];
    const isFree = services.every((name) => !taken.has(name));
    return submit('counter.rebalance', { services, concurrency: 3, movesPerRound: 4, pauseMs: STEP_MS }, isFree);
  }
  const moved = targets.slice(0, MOVED_SERVICES);
  const names = moved.flatMap((_, at) => Array.from({ length: COUNTERS }, (_none, one) => `k${at}-${one}`));
  const counter = oneOf(names);
  const source = placeOf(moved, counter)?.name ?? `c${counter.slice(1, 2)}`;
  const counters = [counter];
  const second = oneOf(names.filter((name) => name !== counter));
  if (placeOf(moved, second)?.name === source) counters.push(second);
  // A move that failed may have left something at a sink, which the next one there refuses.
  const sinks = moved.filter(({ name }) => name !== source);
  const empty = sinks.filter(({ service }) => counters.every((name) => service.store.view(name).value === null));
  const sink = oneOf((!contested && empty.length > 0 ? empty : sinks).map(({ name }) => name));
  const maxDenialMs = random.next() < HURRIED ? 1_500 : 20_000;
  const isFree = counters.every((name) => !taken.has(name));
  return submit('counter.move', { source, sink, counters, maxDenialMs, pauseMs: STEP_MS }, isFree);
}

/** Counters that are being moved, and services that are being evened out. */
async function takenNow(fleet: Fleet): Promise<Set<string>> {
  const { operations } = await fleet.service.list({ limit: 1_000 });
  const live = operations.filter(({ state }) => !FINAL_STATES.has(state));
  return new Set(
    live.flatMap(({ params }) => Object.values(params as Record<string, unknown>).flatMap((value) => (Array.isArray(value) ? value : []))),
  );
}

/** Every operation at its end; throws with what the first that is not says of itself. */
async function ended(fleet: Fleet, ids: readonly string[]): Promise<OperationHeader[]> {
  const until = Date.now() + HEALED_MS;
  const headers: OperationHeader[] = [];
  for (const id of ids) {
    for (;;) {
      const header = (await fleet.store.header(id))!;
      if (FINAL_STATES.has(header.state)) {
        headers.push(header);
        break;
      }
      if (Date.now() > until) throw new Error(`not over ${HEALED_MS / 1000} s after the last fault:\n${await fleet.service.explain(id)}`);
      await fleet.store.events(id, undefined, 1, 0);
      await pause(50);
    }
  }
  return headers;
}
