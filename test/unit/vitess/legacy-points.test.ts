/**
 * A keyspace is resharded the old way, and its workers die, or a person stops it and takes it back, at every boundary, while clients write and
 * read. By default some points are tried, each by one death or one stop; `LONGSHORE_CRASH_POINTS=all` tries all of them in every way, and
 * `LONGSHORE_VITESS_ROWS` says with how many rows (40).
 */
import { describe, expect, test } from 'vitest';
import type { Point } from './legacy-points.ts';
import { goesOn, isTakenBack, pointsOf, pointText, SCENARIOS } from './legacy-points.ts';

const ALL = process.env.LONGSHORE_CRASH_POINTS === 'all';
/** At a time: most of each is waiting. */
const AT_ONCE = 8;
const MINUTES = 60_000;

type Way = 'goes on' | 'is taken back' | 'dies and is taken back';
const WAYS: Readonly<Record<Way, (scenario: (typeof SCENARIOS)[number], point: Point) => Promise<string[]>>> = {
  'goes on': goesOn,
  'is taken back': (scenario, point) => isTakenBack(scenario, point, false),
  'dies and is taken back': (scenario, point) => isTakenBack(scenario, point, true),
};

describe.each(SCENARIOS)('$name', (scenario) => {
  test('whoever dies or is stopped at any point, clients are served', { timeout: 20 * MINUTES }, async () => {
    const { points, changes } = await pointsOf(scenario);
    // Every change in the journal is a point, from both sides.
    for (const when of ['before', 'after'] as const) expect(points.filter((point) => point.when === when)).toHaveLength(changes);
    const ways = Object.keys(WAYS) as Way[];
    const chosen = points.filter((_, at) => ALL || at % scenario.every === 0);
    const cases = chosen.flatMap((point, at) => (ALL ? ways : [ways[at % ways.length]!]).map((way) => ({ point, way })));
    console.info(`${scenario.name}: ${points.length} points, ${changes} changes in the journal, ${cases.length} runs`);
    const wrong: Record<string, string[]> = {};
    let next = 0;
    const lane = async (): Promise<void> => {
      for (let at = next++; at < cases.length; at = next++) {
        const { point, way } = cases[at]!;
        const problems = await WAYS[way](scenario, point).catch((error: unknown) => [String(error)]);
        if (problems.length > 0) wrong[`${pointText(point)}: ${way}`] = problems;
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, lane));
    expect(wrong).toEqual({});
  });
});
