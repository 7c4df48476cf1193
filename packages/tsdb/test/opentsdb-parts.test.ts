import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import type { ListedSeries, Part } from '../src/client/opentsdb/parts.ts';
import { halved, hasTags, listedSeries, PART_TEXT_BYTES, partReading, wholeInParts } from '../src/client/opentsdb/parts.ts';

const text = fc.constantFrom('a', 'b', 'c', 'größe', 'a|b', 'x*', 'l'.repeat(60));
const tags = fc.dictionary(fc.constantFrom('host', 'dc', 'port', 'k=v'), text, { minKeys: 1, noNullPrototype: true });
const listing = fc
  .uniqueArray(tags, { minLength: 1, maxLength: 60, selector: (one) => JSON.stringify(Object.entries(one).sort()) })
  .map((all) => all.map((one, at): ListedSeries => ({ tsuid: `0000010000${String(at).padStart(2, '0')}`, tags: one })));

/** The series that a source would give for a part as it is asked for. */
function answered(part: Part, all: readonly ListedSeries[]): string[] {
  const reading = partReading(part, {});
  if (reading === undefined) return [];
  if (reading.tsuids !== undefined) return [...reading.tsuids];
  return all.filter((one) => hasTags(one, reading.tags ?? {})).map(({ tsuid }) => tsuid);
}

property.prop([listing, fc.integer({ min: 1, max: 20 })], { numRuns: 300 })(
  'whatever is refused, the parts that are answered give every series once',
  (all, most) => {
    const waiting = wholeInParts(all);
    const given: string[] = [];
    for (let part = waiting.pop(), tries = 0; part !== undefined; part = waiting.pop(), tries++) {
      expect(tries, 'it comes to an end').toBeLessThan(1_000);
      const found = answered(part, all);
      if (partReading(part, {}) !== undefined && found.length <= most) {
        expect(found.sort()).toEqual(part.series.map(({ tsuid }) => tsuid).sort());
        given.push(...found);
      } else waiting.push(...halved(part)!);
    }
    expect(given.sort()).toEqual(all.map(({ tsuid }) => tsuid).sort());
  },
);

test('a tag of few values is gone by first, and each request has room', () => {
  const all = Array.from(
    { length: 2_000 },
    (_, at): ListedSeries => ({
      tsuid: `000001000001${String(at).padStart(6, '0')}`,
      tags: { host: `host-number-${at}`, dc: at % 2 === 0 ? 'x' : 'y' },
    }),
  );
  const [whole] = wholeInParts(all);
  expect(partReading(whole!, { tags: { all: '*' } })).toEqual({ tags: { all: '*', dc: 'x|y' } });
  const [x] = halved(whole!)!;
  const [half] = halved(x)!;
  expect(half.by).toMatchObject({ key: 'host', fixed: { dc: 'x' } });
  expect(partReading(half, {}), 'five hundred names have no room in one request').toBeUndefined();
  const small = { ...half, by: { ...half.by!, values: half.by!.values.slice(0, 100) } };
  expect(JSON.stringify(partReading(small, {})).length).toBeLessThan(PART_TEXT_BYTES);
});

test('a value with a star is taken in any case, as the source takes it, and one without only as it is', () => {
  const found = (filter: string) => ['web1', 'WEB2', 'db1'].filter((host) => hasTags({ tags: { host } }, { host: filter }));
  expect(found('web*')).toEqual(['web1', 'WEB2']);
  expect(found('*B*')).toEqual(['web1', 'WEB2', 'db1']);
  expect(found('WEB1|db1')).toEqual(['db1']);
});

test('a listing names each series once, and anything else is no listing', () => {
  const one = { tsuid: '01', metric: 'm', tags: { h: '1' } };
  expect(listedSeries({ results: [one, one] })).toEqual([{ tsuid: '01', tags: { h: '1' } }]);
  for (const wrong of [null, [], { results: {} }, { results: [{}] }, { results: [{ ...one, tsuid: 'x' }] }])
    expect(listedSeries(wrong)).toBeUndefined();
});
