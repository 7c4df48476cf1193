/** Other names in the sink: what a rule makes of a name, and that no two series become one. */
import { fc, test as property } from '@fast-check/vitest';
import { memoryStore, systemClock } from '@longshore/core';
import { describe, expect, test } from 'vitest';
import { canonicalKey } from '../src/client/victoriametrics/labels.ts';
import { viewLines } from '../src/client/victoriametrics/lines.ts';
import { MigrateParams } from '../src/params.ts';
import type { Renaming } from '../src/plan/renaming.ts';
import { SinkNames } from '../src/plan/renaming.ts';
import { agreeOnTags, renamedLines } from '../src/tasks/sink-names.ts';

test.each([
  ['kilda.*=flow.*', 'kilda.a.b', 'flow.a.b'],
  ['kilda.*=flow.*', 'akilda.a', 'akilda.a'],
  ['*.bytes=bytes.*', 'sw1.port.bytes', 'bytes.sw1.port'],
  ['*.*.rate=*/*', 'a.b.c.rate', 'a/b.c'],
  ['a*a=*', 'a', 'a'],
  ['a*a=x*', 'aa', 'x'],
  ['exact=other', 'exact', 'other'],
  ['exact=other', 'exactly', 'exactly'],
  ['a.*=b', 'a.c', 'b'],
  ['größe.*=size.*', 'größe.ä', 'size.ä'],
])('%s makes of %s %s', (rule, before, after) => {
  expect(new SinkNames({ rename: [rule] }).metric(before)).toBe(after);
});

test('the first rule that fits counts, then names become what Prometheus allows', () => {
  const names = new SinkNames({ rename: ['kilda.flow.*=9.*', 'kilda.*=x.*'], prometheusNames: true });
  expect(['kilda.flow.a-b', 'kilda.c:d', 'other/größe'].map((metric) => names.metric(metric))).toEqual(['_9_a_b', 'x_c:d', 'other_gr__e']);
  expect(['switch-id', '1st', 'a:b', 'plain'].map((tag) => names.tag(tag))).toEqual(['switch_id', '_1st', 'a_b', 'plain']);
});

describe('what is no renaming is refused in a sentence', () => {
  const params = { source: 'a', sink: 'b', startMs: 0, stopMs: 1 };
  test.each([
    [{ rename: ['kilda.*'] }, 'the renaming "kilda.*" is not of the form pattern=replacement'],
    [{ rename: ['=x'] }, 'the renaming "=x" has nothing on one side of its ='],
    [{ rename: ['x='] }, 'the renaming "x=" has nothing on one side of its ='],
    [{ rename: ['a=b=c'] }, 'the renaming "a=b=c" has a second ='],
    [{ rename: ['a?=b'] }, 'the renaming "a?=b" has a ?, but only * is wild here'],
    [{ rename: ['a.*=*.*'] }, 'the renaming "a.*=*.*" has more stars behind its = than in front of it'],
    [{ rename: ['a=b c'] }, 'the renaming "a=b c" has a blank or a control character'],
    [{ extraLabels: { __name__: 'x' } }, 'the extra label "__name__=x" would replace the name of the metric'],
    [{ extraLabels: { dc: '' } }, 'the extra label "dc=" has no name, or no value'],
    [{ extraLabels: { 'd c': 'x' } }, 'the extra label "d c=x" has a blank in its name, or a control character'],
  ])('%j', (renaming, sentence) => {
    expect(MigrateParams.safeParse({ ...params, ...renaming }).error?.issues.map(({ message }) => message)).toEqual([sentence]);
  });

  test('an extra label that Prometheus does not allow, where only such names are wanted', () => {
    const { wrong } = new SinkNames({ prometheusNames: true, extraLabels: { 'd-c': 'x' } }).review(['a']);
    expect(wrong).toEqual(['the extra label "d-c" is no name that Prometheus allows']);
  });
});

const part = fc.constantFrom('a', 'b', 'a-b', 'a.b', 'a_b', '1', '_1', 'ä');
const metrics = fc.uniqueArray(
  fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('.')),
  { minLength: 1, maxLength: 12 },
);
const renamings: fc.Arbitrary<Renaming> = fc.record({
  rename: fc.subarray(['a.*=b.*', '*.a=*', 'a*b*=*-*', '*=*.x', 'a.b=a_b', '*.*=*', 'a-b=a.b'], { maxLength: 3 }),
  prometheusNames: fc.boolean(),
  extraLabels: fc.constantFrom<Record<string, string>>({}, { dc: 'x' }, { a_b: 'x', dc: 'y' }),
});

property.prop([metrics, renamings])('the plan finds a merge of metrics exactly when there is one', (given, renaming) => {
  const names = new SinkNames(renaming);
  const { merges, idle, renamed } = names.review(given);
  const after = given.map((metric) => names.metric(metric));
  expect(merges.length).toBe(given.length - new Set(after).size);
  for (const { one, other, becomes } of merges) expect([names.metric(one), names.metric(other)]).toEqual([becomes, becomes]);
  expect(renamed).toBe(given.filter((metric, at) => metric !== after[at]).length);
  expect(idle.every((rule) => renaming.rename!.includes(rule))).toBe(true);
});

const tags = fc.dictionary(fc.constantFrom('a-b', 'a.b', 'a_b', '1st', '_1st', 'dc', 'host', '-.name--'), fc.constantFrom('x', 'y'), {
  maxKeys: 3,
});
const labelsOf = (metric: string, pairs: Record<string, string>): string => JSON.stringify({ __name__: metric, ...pairs });
const seriesSet = fc.uniqueArray(fc.tuple(fc.constantFrom('a', 'b.c'), tags), {
  minLength: 1,
  maxLength: 8,
  selector: ([metric, pairs]) => canonicalKey(labelsOf(metric, pairs), 'the test'),
});

property.prop([seriesSet, renamings, fc.infiniteStream(fc.boolean())])(
  'series of batches that come in any order stay apart, or are refused before they are sent',
  async (series, renaming, together) => {
    const names = new SinkNames(renaming);
    fc.pre(names.review(['a', 'b.c']).merges.length === 0);
    const store = { ...memoryStore(systemClock) };
    await store.create(HEADER);
    const context = { plan: JSON.parse(JSON.stringify({ renaming })), store, operation: { id: 'op', kind: '', params: null, owner: '' } };
    const batches: (typeof series)[] = [];
    for (const one of series) {
      const last = batches.at(-1);
      if (last !== undefined && last[0]![0] === one[0] && together.next().value) last.push(one);
      else batches.push([one]);
    }
    const sent: string[] = [];
    await Promise.all(
      batches.map(async (batch) => {
        const labels = batch.map(([metric, pairs]) => labelsOf(metric, pairs));
        try {
          await agreeOnTags(context, batch[0]![0], labels);
        } catch (error) {
          expect(error).toMatchObject({ code: expect.stringMatching(/^LSH_TSDB_(MERGE|RENAME)$/), data: { retryable: false } });
          return;
        }
        sent.push(...labels.map((text) => canonicalKey(names.series(text), 'the sink')));
      }),
    );
    expect(new Set(sent).size).toBe(sent.length);
    const untouched = series.every(([, pairs]) => Object.keys(pairs).every((key) => key === 'host'));
    if (untouched) expect(sent.length).toBe(series.length);
  },
);

const HEADER = {
  id: 'op',
  kind: 'tsdb.migrate',
  params: {},
  mode: 'run' as const,
  owner: 'tester',
  createdAt: 0,
  updatedAt: 0,
  state: 'running' as const,
  version: 0,
  stage: 0,
  stages: [],
  counters: {},
  expect: {},
  spools: [],
};

property.prop([
  seriesSet,
  renamings,
  fc.array(fc.tuple(fc.integer({ min: 1, max: 2 ** 41 }), fc.constantFrom('1', '-2.50', '9223372036854775807')), { minLength: 1 }),
])('lines keep their points, digit for digit, under the names that digests have, too', (series, renaming, points) => {
  const names = new SinkNames(renaming);
  const body = `"values":[${points.map(([, value]) => value).join(',')}],"timestamps":[${points.map(([time]) => time).join(',')}]}\n`;
  const texts = series.map(([metric, pairs]) => labelsOf(metric, pairs));
  const lines = renamedLines(names, Buffer.from(texts.map((text) => `{"metric":${text},${body}`).join('')));
  const found = [...viewLines(lines, 'the test')].map(({ labelsStart, labelsEnd, end }) => [
    lines.toString('utf8', labelsStart, labelsEnd),
    lines.toString('utf8', labelsEnd + 1, end),
  ]);
  expect(found).toEqual(texts.map((text) => [names.series(text), body]));
});
