/** Random sequences of calls are answered alike by the store in memory and the one on Redis: simulation runs on the first what is real on the second. */
import type { Claim, LeaseGrant, LeaseRequest } from '@longshore/core';
import { ManualClock, memoryStore, seededRandom, systemClock, systemRandom } from '@longshore/core';
import { redisStore } from '@longshore/fleet';
import { afterAll, describe, expect, test } from 'vitest';
import { askRedis } from '../faults/raw-redis.ts';
import { realServer } from '../servers/real.ts';
import type { Heard } from './store/sequences.ts';
import { drawFrom, firstSteps, nextStep, readAll } from './store/sequences.ts';

const SEQUENCES = 300;
const STEPS = 120;
const DAY_MS = 86_400_000;
/** One of them alone, to look into what it found. */
const ONLY = process.env.LONGSHORE_SEED;

const redis = await realServer('redis', { appendfsync: 'everysec' });

/** Answers that must have been seen, or the sequences say little. */
const RARE = [
  'acquireLeases held',
  'acquireLeases quiet',
  'acquireLeases last',
  'beat go',
  'claim yours',
  'claim ended',
  'commit false',
  'endGuard true',
  'exhume object',
  'finish true',
  'mayAct true',
  'openGuard opened',
  'openGuard ordered',
  'openGuard lease',
  'shut true',
  'takePermit false',
  'writeJournal intent',
  'writeJournal done',
];

describe.skipIf(!redis.there)('with a real Redis', () => {
  if (!redis.there) return;
  const { url } = redis;
  afterAll(() => redis.stop());

  async function sequence(seed: number, seen: Map<string, number>): Promise<void> {
    const draw = drawFrom(seededRandom(seed));
    // Far ahead of the server's clock, where tokens count on by one.
    const clock = new ManualClock(systemClock.now() + DAY_MS);
    const begun = clock.now();
    const memory = memoryStore(clock);
    const fleet = `agreement-${systemRandom.id(8)}`;
    const real = redisStore({ url, fleet }, clock);
    await askRedis(url, 'SET', `{${fleet}}:token`, String(begun - 1));
    const heard: Heard = { headers: new Map(), generations: new Map(), leases: [], begun, now: begun };
    const calls: string[] = [];
    try {
      for (let at = 0; at < STEPS; at += 1) {
        // Now and then a decision on what lies there no more.
        if (draw.chance(0.8))
          for (const { id } of (await memory.list({ limit: 10 })).operations) heard.headers.set(id, (await memory.header(id))!);
        const { call, run } = firstSteps[at] ?? nextStep(draw, heard);
        calls.push(call);
        const [answer, other] = [await run(memory), await run(real)];
        expect(other, `seed ${seed}, call ${at}, after\n${calls.slice(-12).join('\n')}`).toEqual(answer);
        learn(heard, call, answer);
        count(seen, call, answer);
      }
      expect(await readAll(real), `seed ${seed}, at its end, after\n${calls.join('\n')}`).toEqual(await readAll(memory));
    } finally {
      await memory.close();
      await real.close();
    }
  }

  test('both stores give the same answers to the same calls', async () => {
    const seen = new Map<string, number>();
    const seeds = ONLY === undefined ? Array.from({ length: SEQUENCES }, (_, seed) => seed) : [Number(ONLY)];
    for (const seed of seeds) await sequence(seed, seen);
    // Sequences that never get anywhere would agree on anything.
    if (ONLY === undefined) expect(RARE.filter((each) => (seen.get(each) ?? 0) < 20)).toEqual([]);
  });
});

/** Counts calls by their kind of answer: `claim yours`, `openGuard lease`, `mayAct true`. */
function count(seen: Map<string, number>, call: string, answer: unknown): void {
  const { claim, state, refused, opened, last, freeAt, heldBy } = Object(answer) as Record<string, unknown>;
  const kind =
    claim ?? refused ?? state ?? (opened && 'opened') ?? (last && 'last') ?? (freeAt && 'quiet') ?? (heldBy && 'held') ?? typeof answer;
  const name = `${call.split(' ', 1)[0]} ${typeof answer === 'boolean' ? answer : kind}`;
  seen.set(name, (seen.get(name) ?? 0) + 1);
}

/** Takes from an answer what later calls need. */
function learn(heard: Heard, call: string, answer: unknown): void {
  if (call.startsWith('acquireLeases')) {
    const [, wanted] = JSON.parse(call.slice('acquireLeases '.length)) as [string, LeaseRequest[]];
    const { tokens = [] } = answer as Partial<LeaseGrant>;
    heard.leases.push(...tokens.map((token, at) => ({ ...wanted[at]!, token })));
  }
  if (call.startsWith('claim')) {
    const claim = answer as Claim;
    const [operation, task] = JSON.parse(call.slice('claim '.length)) as [string, string];
    if (claim.claim === 'yours') heard.generations.set(`${operation}/${task}`, claim.generation);
  }
}
