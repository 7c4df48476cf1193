/**
 * A worker dies at every point of a move, in both modes: it goes on, or is taken back, and nothing is left frozen or half moved. By default
 * a manual move, whose steps look through the open files of the whole machine, is tried at every other sort of point;
 * `LONGSHORE_CRASH_POINTS=all` tries all of them in both directions.
 */
import { describe, expect, test } from 'vitest';
import type { Mode, Point } from './crash-points.ts';
import { goesOn, isTakenBack, pointsOf } from './crash-points.ts';

/** At a time: most of each is waiting. */
const AT_ONCE = 6;
const MINUTES = 60_000;
const ALL = process.env.LONGSHORE_CRASH_POINTS === 'all';

/** What is done to several services or files alike is one sort. */
function chosen(mode: Mode, points: readonly Point[], when: Point['when']): Point[] {
  if (ALL) return [...points];
  const sorts = new Map<string, Point>();
  for (const point of points) if (point.when === when) sorts.set(point.effect.replace(/-\d.*$/, ''), point);
  return [...sorts.values()].filter((_, at) => mode === 'native' || at % 2 === (when === 'after' ? 0 : 1));
}

async function all(points: readonly Point[], run: (point: Point) => Promise<string[]>): Promise<Record<string, string[]>> {
  const wrong: Record<string, string[]> = {};
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let at = next++; at < points.length; at = next++) {
      const point = points[at]!;
      const problems = await run(point).catch((error: unknown) => [String(error)]);
      if (problems.length > 0) wrong[`${point.effect} ${point.when}`] = problems;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  return wrong;
}

describe.each(['native', 'manual'] as const)('a %s move', (mode) => {
  test('goes on after a death at every point', { timeout: 10 * MINUTES }, async () => {
    const found = await pointsOf(mode);
    const points = chosen(mode, found, 'after');
    expect(points.length).toBeGreaterThan(3);
    console.info(
      `${points.length} of ${found.length} points of a ${mode} move: ${points.map(({ effect, when }) => `${when} ${effect.replace('openio.', '')}`).join(', ')}`,
    );
    expect(await all(points, (point) => goesOn(mode, point))).toEqual({});
  });

  test('is taken back after a death at every point', { timeout: 10 * MINUTES }, async () => {
    const points = chosen(mode, await pointsOf(mode), 'before');
    expect(points.length).toBeGreaterThan(3);
    expect(await all(points, (point) => isTakenBack(mode, point))).toEqual({});
  });
});
