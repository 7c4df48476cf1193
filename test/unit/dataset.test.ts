import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { type Dataset, KILDA_METRICS, kildaDataset } from '../dataset/index.ts';

function digest(dataset: Dataset): string {
  const hash = createHash('sha256');
  for (const series of dataset.series()) {
    hash.update(`${series.metric} ${JSON.stringify(series.tags)}\n`);
    for (const point of series.points()) hash.update(`${point.join(' ')}\n`);
  }
  return hash.digest('hex');
}

test('the full set has 2,016,000 points, each series one a minute at its own second', () => {
  const full = kildaDataset();
  expect(full.points).toBe(2_016_000);
  let points = 0;
  const identities = new Set<string>();
  for (const series of full.series()) {
    identities.add(`${series.metric}${JSON.stringify(series.tags)}`);
    let next = -1;
    for (const [ms] of series.points()) {
      if (next === -1) expect(ms - full.startMs).toBeLessThan(60_000);
      else if (ms !== next) throw new Error(`${series.metric} goes on at ${ms}, not ${next}`);
      next = ms + 60_000;
      points += 1;
    }
    expect(full.stopMs - (next - 60_000)).toBeGreaterThan(0);
  }
  expect({ points, series: identities.size, metrics: full.metrics }).toEqual({
    points: 2_016_000,
    series: 200,
    metrics: [...KILDA_METRICS],
  });
});

test('it is the same everywhere and every time', () => {
  const small = kildaDataset({ days: 1, seriesCount: 14 });
  expect(digest(small)).toBe('eb3a1f07f276392f4337b1f815f3b3ee1d43f21b83a48abb44af050e278676a5');
  expect(digest(small)).toBe(digest(kildaDataset({ days: 1, seriesCount: 14 })));
});

test('a smaller set is a part of the full one', () => {
  const small = kildaDataset({ days: 2, seriesCount: 9 });
  const full = kildaDataset();
  for (const [place, series] of small.series().entries()) {
    const same = full.series()[place];
    expect(same).toMatchObject({ metric: series.metric, tags: series.tags });
    const inFull = new Map([...(same?.points() ?? [])].map(([ms, text]) => [ms, text]));
    for (const [ms, text] of series.points())
      if (inFull.get(ms) !== text) throw new Error(`${series.metric} at ${ms} is ${text} here and ${inFull.get(ms)} in the full set`);
  }
  expect(small.metrics).toEqual([...KILDA_METRICS]);
});

test('it has the numbers that are easily damaged', () => {
  const texts = (metric: string, place: number): string[] => {
    const series = kildaDataset({ days: 1 })
      .series()
      .filter((one) => one.metric === metric)[place];
    return [...(series?.points() ?? [])].map(([, text]) => text);
  };
  for (const text of texts('kilda.switch.rx-bits', 0)) {
    expect(text).toMatch(/^90\d{17}$/);
    expect(BigInt(text)).toBeLessThan(2n ** 63n);
  }
  expect(texts('kilda.switch.rx-bits', 0).some((text) => String(Number(text)) !== text)).toBe(true);
  for (const text of texts('kilda.switch.rx-bits', 1)) expect(BigInt(text)).toBeGreaterThan(2n ** 53n);
  for (const text of texts('kilda.isl.rtt', 0)) expect(text).toMatch(/^0\.[1-9]\d{13}[1-9]$/);
  for (const text of texts('kilda.flow.latency', 0)) expect(text).toMatch(/^\d+\.\d\d[1-9]$/);
  const mixed = texts('kilda.temp.delta', 0);
  expect(mixed.filter((text) => /^-\d{4}\.0$/.test(text))).toHaveLength(mixed.length / 2);
  expect(mixed.filter((text) => /^-\d+\.\d\d[1-9]$/.test(text))).toHaveLength(mixed.length / 2);
});

test('more than there is cannot be asked for', () => {
  expect(() => kildaDataset({ days: 8 })).toThrow(RangeError);
  expect(() => kildaDataset({ seriesCount: 201 })).toThrow(RangeError);
});
