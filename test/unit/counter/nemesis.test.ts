import { expect, test } from 'vitest';
import { moveUnderTrouble } from './nemesis.ts';

/** `NEMESIS_SEED=… NEMESIS_RUNS=200 vitest run --project unit test/unit/counter/nemesis` for a longer hunt. */
const SEED = Number(process.env.NEMESIS_SEED ?? 1);
const RUNS = Number(process.env.NEMESIS_RUNS ?? 12);
const TOGETHER = 12;
/** A run waits most of the time, for what may still land. */
const PATIENCE_MS = 180_000;

test('no add is lost and no denial left, whatever happens on the way', { timeout: PATIENCE_MS * Math.ceil(RUNS / TOGETHER) }, async () => {
  for (let done = 0; done < RUNS; done += TOGETHER) {
    const seeds = Array.from({ length: Math.min(TOGETHER, RUNS - done) }, (_, at) => SEED + done + at);
    for (const { problems, told } of await Promise.all(seeds.map(moveUnderTrouble))) expect(problems, told.join('\n')).toEqual([]);
  }
});
