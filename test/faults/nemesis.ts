/** Strikes processes while they work. Whom, when and for how long comes from a seed; that work is in flight is read from the store first. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Random } from '@longshore/core';
import { kill, LOCK_MS, type TargetName, type Victim, type World } from './world.ts';

export interface Strike {
  victim: string;
  signal: 'SIGKILL' | 'SIGSTOP';
  /** Since the striking began. */
  afterMs: number;
  /** How long it was away. */
  awayMs: number;
  /** Tasks it had in hand, as the store said just before. Never empty. */
  inFlight: string[];
}

export interface Plan {
  target: TargetName;
  signal: 'SIGKILL' | 'SIGSTOP';
  /** Time between death and rebirth; by the seed when absent. */
  awayMs?: number;
}

const POLL_MS = 10;
/** A moment after work was seen, so that every part of a task is struck. */
const AIM_MS = 150;
const BREATH_MS = { least: 300, most: 2_000 };
/** Beyond the lock, so that somebody else has taken the work over when the victim wakes up. */
const BEYOND_LOCK_MS = { least: 1_000, most: 3_000 };

const between = (random: Random, { least, most }: { least: number; most: number }): number =>
  Math.round(least + random.next() * (most - least));

/** Resolves to what the victim has in hand; undefined when the operation has ended first. */
async function seenAtWork(world: World, id: string, choose: () => Victim): Promise<{ victim: Victim; inFlight: string[] } | undefined> {
  for (;;) {
    const victim = choose();
    const inFlight = await world.atWork(id, victim);
    if (inFlight.length > 0) return { victim, inFlight };
    if ((await world.fleet.store.header(id))?.endedAt !== undefined) return undefined;
    await pause(POLL_MS);
  }
}

/** One strike; undefined when the operation has ended before there was work to strike. */
async function strikeOnce(world: World, id: string, plan: Plan, random: Random, startedAt: number): Promise<Strike | undefined> {
  const candidates = world.victims(plan.target);
  const choose = (): Victim => candidates[Math.floor(random.next() * candidates.length)]!;
  const aimMs = between(random, { least: 0, most: AIM_MS });
  const awayMs =
    plan.signal === 'SIGSTOP'
      ? LOCK_MS + between(random, BEYOND_LOCK_MS)
      : (plan.awayMs ?? (random.next() < 0.5 ? 0 : between(random, { least: 100, most: 3_000 })));
  for (;;) {
    const first = await seenAtWork(world, id, choose);
    if (!first) return undefined;
    const { victim } = first;
    await pause(aimMs);
    const inFlight = await world.atWork(id, victim);
    if (inFlight.length === 0) continue;
    const struckAt = Date.now();
    if (plan.signal === 'SIGKILL') {
      await kill(victim);
      await pause(awayMs);
      await victim.start();
    } else {
      const pid = victim.pid();
      process.kill(pid, 'SIGSTOP');
      await pause(awayMs);
      process.kill(pid, 'SIGCONT');
    }
    return { victim: victim.name, signal: plan.signal, afterMs: struckAt - startedAt, awayMs: Date.now() - struckAt, inFlight };
  }
}

/** Strikes until the operation has ended or `most` strikes were made. */
export async function harass(world: World, id: string, plan: Plan, random: Random, most: number): Promise<Strike[]> {
  const startedAt = Date.now();
  const strikes: Strike[] = [];
  while (strikes.length < most) {
    const strike = await strikeOnce(world, id, plan, random, startedAt);
    if (!strike) break;
    strikes.push(strike);
    await pause(between(random, BREATH_MS));
  }
  return strikes;
}
