/** The cases of the engine: they need neither a source nor a sink. */
import { join } from 'node:path';
import type { Random } from '@longshore/core';
import type { CaseResult } from '../case.ts';
import { chaos } from './chaos.ts';

export interface EngineCaseContext {
  dir: string;
  random: Random;
  say(line: string): void;
}

export type EngineCase = (context: EngineCaseContext) => Promise<CaseResult>;

const STORM_MS = 300_000;
const FLEET = { operations: 100, schedulers: 2, workers: 10 };
/** Long enough before and after the outage for work to be in the middle of it. */
const AROUND_MS = 20_000;

const redisAway =
  (redisAwayMs: number): EngineCase =>
  ({ dir, random, say }) =>
    chaos({ dir: join(dir, 'chaos'), random, say, ...FLEET, operations: 50, stormMs: redisAwayMs + 2 * AROUND_MS, redisAwayMs }).then(
      wellEnough,
    );

/** Where most were refused, little was tried: at least half must have done what was asked, and some of those been taken back. */
function wellEnough({ problems, figures }: CaseResult): CaseResult {
  const [well, all] = [Number(figures.succeeded ?? 0) + Number(figures.reverted ?? 0), Number(figures.operations)];
  return { figures, problems: 2 * well >= all ? problems : [...problems, `only ${well} of ${all} operations ended well`] };
}

export const ENGINE_CASES: ReadonlyMap<string, EngineCase> = new Map<string, EngineCase>([
  [
    'engine-kills',
    async ({ dir, random, say }) => {
      const { problems, figures } = wellEnough(await chaos({ dir: join(dir, 'chaos'), random, say, ...FLEET, stormMs: STORM_MS }));
      // A storm in which nothing of this came about would say nothing of it.
      for (const what of ['retried', 'taken back', 'approved', 'paused', 'cancelled'])
        if (!(Number(figures[what]) > 0)) problems.push(`in ${STORM_MS / 1000} s nothing was ${what}`);
      return { problems, figures };
    },
  ],
  ['engine-redis-away-3s', redisAway(3_000)],
  ['engine-redis-away-60s', redisAway(60_000)],
]);
