/** Reading back in native blocks, from stand-ins that are true, broken, or hide points. */

import { fc, test as prop } from '@fast-check/vitest';
import type { Log } from '@longshore/core';
import { systemClock, systemRandom } from '@longshore/core';
import { afterEach, describe, expect, it } from 'vitest';
import type { VictoriaMetricsOptions, VictoriaMetricsStandIn } from '../../sandbox/src/index.ts';
import { startVictoriaMetrics } from '../../sandbox/src/index.ts';
import type { SinkSettings } from '../src/client/victoriametrics/address.ts';
import { VictoriaMetricsClient } from '../src/client/victoriametrics/client.ts';
import type { ReadBack } from '../src/client/victoriametrics/probe.ts';

const T0 = 1_678_233_600_000;
const DAY = { startMs: T0, stopMs: T0 + 86_400_000 };
const open: AsyncDisposable[] = [];

afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]();
});

interface Scene {
  vm: VictoriaMetricsStandIn;
  client: VictoriaMetricsClient;
  warned: string[];
  /** Exports so far, oldest first. */
  exports(): ('native' | 'json')[];
}

async function scene(options: VictoriaMetricsOptions = {}, settings: { readBack?: SinkSettings['readBack'] } = {}): Promise<Scene> {
  const vm = await startVictoriaMetrics(options);
  const warned: string[] = [];
  const log: Log = { debug() {}, info() {}, warn: (_, text) => void warned.push(text), error() {} };
  const target = { name: 'vm', system: 'victoriametrics', address: vm.url, settings: { ...settings }, secrets: {} };
  const client = new VictoriaMetricsClient(target, { clock: systemClock, random: systemRandom, log });
  open.push(vm, client);
  const exports = (): ('native' | 'json')[] =>
    vm.log.requests.flatMap(({ path }) => (path.endsWith('/native') ? ['native'] : path.endsWith('/export') ? ['json'] : []));
  return { vm, client, warned, exports };
}

function line(values: (number | string)[], times: number[] = values.map((_, at) => T0 + at * 1000), host = 'a'): string {
  return `{"metric":{"__name__":"m","host":"${host}"},"values":[${values}],"timestamps":[${times}]}\n`;
}

async function hold({ client }: Scene, ...imports: string[]): Promise<void> {
  for (const lines of imports) {
    await client.importLines(Buffer.from(lines), 'plain');
    await client.flush();
  }
}

const verified = (scene: Scene, lines: string, readBack: ReadBack = 'native') =>
  scene.client.verifyChunk(Buffer.from(lines), { metric: 'm', range: DAY, readBack });

const many = Array.from({ length: 300 }, (_, at) => (at * 7919) % 1009);

describe('a chunk that is held as it was sent', () => {
  it.each([
    ['1.147', 'native'],
    ['1.79', 'native-bare'],
  ] as const)('by %s is confirmed by native blocks alone', async (version, readBack) => {
    const one = await scene({ version });
    const lines = line(many) + line([0.5, '0.30000000000000004', '12345678901234567890', -1.25], undefined, 'b');
    await hold(one, lines);
    const native = await verified(one, lines, readBack);
    expect(one.exports()).toEqual(['native']);
    expect(native).toEqual(await verified(one, lines, 'json'));
    expect(native.comparison).toMatchObject({ points: 304, missing: 0, extra: 0, different: 0 });
  });

  it('in blocks that lie between each other is confirmed too', async () => {
    const one = await scene();
    const even = many.map((_, at) => at).filter((at) => at % 2 === 0);
    const odd = many.map((_, at) => at).filter((at) => at % 2 === 1);
    for (const part of [even, odd, [400, 401]])
      await hold(
        one,
        line(
          part.map((at) => many[at] ?? 5),
          part.map((at) => T0 + at * 1000),
        ),
      );
    const { comparison } = await verified(one, line([...many, 5, 5], [...many.map((_, at) => T0 + at * 1000), T0 + 400_000, T0 + 401_000]));
    expect(comparison).toMatchObject({ points: 302, matched: 302 });
    expect(one.exports()).toEqual(['native']);
  });

  it('with points twice, and with rows of other days in its blocks, is confirmed too', async () => {
    const one = await scene();
    await hold(one, line([1, 1, 2, 9, 9], [T0, T0, T0 + 1000, T0 - 1, DAY.stopMs]));
    expect((await verified(one, line([1, 1, 2], [T0, T0, T0 + 1000]))).comparison).toMatchObject({ points: 3, matched: 3, extra: 0 });
    expect(one.exports()).toEqual(['native']);
  });

  it('without some digits, beside a value that explains it, is said to have lost precision', async () => {
    const one = await scene();
    const lines = line([1e15, 0.123456, 1]);
    await hold(one, lines);
    const native = await verified(one, lines);
    expect(native.comparison).toMatchObject({
      points: 3,
      matched: 2,
      precisionLost: 1,
      examples: [{ kind: 'precision-lost', expected: '0.123456', found: '0.123' }],
    });
    expect(one.exports()).toEqual(['native']);
    expect((await verified(one, lines, 'json')).comparison).toEqual(native.comparison);
  });
});

describe('JSON lines say what it is', () => {
  it.each([
    ['missing', line([1, 2, 3]), line([1, 3], [T0, T0 + 2000]), { matched: 2, missing: 1 }],
    ['missing as a series', line([1]) + line([1], undefined, 'b'), line([1]), { matched: 1, missing: 1 }],
    ['extra', line([1, 3], [T0, T0 + 2000]), line([1, 2, 3]), { matched: 2, extra: 1 }],
    ['a series of somebody else', line([1]), line([1]) + line([1], undefined, 'b'), { matched: 1, extra: 1 }],
    ['different', line([1, 2, 3]), line([1, 2, 4]), { matched: 2, different: 1 }],
    ['off by one below 2^52', line(['4503599627370495']), line(['4503599627370494']), { different: 1 }],
    ['at another time', line([1, 2]), line([1, 2], [T0, T0 + 1001]), { matched: 1, missing: 1, extra: 1 }],
    ['twice', line([1, 2]), line([1, 1, 2], [T0, T0, T0 + 1000]), { matched: 2, extra: 1 }],
    ['once instead of twice', line([1, 1, 2], [T0, T0, T0 + 1000]), line([1, 2]), { matched: 2, missing: 1 }],
  ])('when something is %s', async (_, sent, held, found) => {
    const one = await scene();
    await hold(one, held);
    const { comparison } = await verified(one, sent);
    expect(comparison).toMatchObject({ missing: 0, extra: 0, different: 0, ...found });
    expect(one.exports()[0]).toBe('native');
    expect(one.exports()).toContain('json');
    expect(one.warned).toEqual([]);
  });

  const points = fc.uniqueArray(fc.tuple(fc.nat({ max: 40 }), fc.constantFrom(1, 2, 0.5, -7, 1e15, 0.123456)), {
    maxLength: 12,
    selector: ([at]) => at,
  });

  prop.prop([points, points, points], { numRuns: 50 })(
    'and always the same, whatever was sent and is held',
    async (sent, first, second) => {
      const text = (list: [number, number][]): string => {
        const sorted = list.toSorted((a, b) => a[0] - b[0]);
        return sorted.length === 0
          ? ''
          : line(
              sorted.map(([, value]) => value),
              sorted.map(([at]) => T0 + at * 1000),
            );
      };
      const one = await scene();
      await hold(
        one,
        text(sent.slice(0, 6)),
        text(sent.slice(6)),
        text(first.length > 8 ? first : []),
        text(second.length > 10 ? second : []),
      );
      // Of lost digits each gives its own examples.
      const [native, json] = [await verified(one, text(sent)), await verified(one, text(sent), 'json')];
      expect({ ...native.comparison, examples: [] }).toEqual({ ...json.comparison, examples: [] });
      for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]();
    },
  );

  it('at once when lines of missing points are wanted', async () => {
    const one = await scene();
    await hold(one, line([1]));
    const { missingLines } = await one.client.verifyChunk(Buffer.from(line([1, 2])), {
      metric: 'm',
      range: DAY,
      readBack: 'native',
      missingLines: true,
    });
    expect(String(missingLines)).toBe(line([2], [T0 + 1000]));
    expect(one.exports()).toEqual(['json']);
  });
});

describe('looking for what may not be seen yet', () => {
  const pointsIn = (lines: string): number => lines.slice(lines.indexOf('"timestamps":[')).split(',').length;
  const look = ({ client }: Scene, lines: string, readBack?: ReadBack) =>
    client.lookForChunk(Buffer.from(lines), pointsIn(lines), { metric: 'm', range: DAY, readBack });

  it('needs no JSON lines to look again', async () => {
    const one = await scene();
    await hold(one, line([1]));
    expect(await look(one, line([1, 2]), 'native')).toBeUndefined();
    expect(one.exports()).toEqual(['native']);
    expect((await look(one, line([1, 2])))?.comparison).toMatchObject({ matched: 1, missing: 1 });
    expect((await look(one, line([1]), 'native'))?.comparison).toMatchObject({ matched: 1, missing: 0 });
  });

  it('says at once what is wrong', async () => {
    const one = await scene();
    await hold(one, line([1, 2]));
    expect((await look(one, line([1, 3]), 'native'))?.comparison).toMatchObject({ matched: 1, different: 1 });
  });
});

describe('blocks that cannot be read', () => {
  it.each(['absent', 'strange', 'long', 'cut'] as const)('(%s) are logged, and JSON lines are read instead', async (nativeExport) => {
    const one = await scene({ nativeExport });
    await hold(one, line(many));
    for (let time = 0; time < 4; time++) expect((await verified(one, line(many))).comparison).toMatchObject({ points: 300, matched: 300 });
    // After three times it is given up.
    expect(one.exports()).toEqual(['native', 'json', 'native', 'json', 'native', 'json', 'json']);
    expect(one.warned).toHaveLength(3);
    expect(one.warned[0]).toContain('native blocks could not be read back');
  });

  it('nor those of a version in the layout of another', async () => {
    const one = await scene({ version: '1.79' });
    await hold(one, line(many));
    expect((await verified(one, line(many), 'native')).comparison).toMatchObject({ points: 300, matched: 300 });
    expect(one.exports()).toEqual(['native', 'json']);
  });

  it('because the connection breaks', async () => {
    const one = await scene();
    await hold(one, line(many));
    one.vm.knobs.once('/api/v1/export/native', { kind: 'truncate', afterBytes: 100, ending: 'reset' });
    one.vm.knobs.once('/api/v1/export/native', { kind: 'truncate', afterBytes: 100, ending: 'clean' });
    one.vm.knobs.once('/api/v1/export/native', { kind: 'reply', status: 200, body: 'cannot find out anything' });
    for (let time = 0; time < 3; time++) expect((await verified(one, line(many))).comparison).toMatchObject({ points: 300, matched: 300 });
    expect(one.warned).toHaveLength(3);
  });

  it('end with the reason of their signal, not with JSON lines', async () => {
    const one = await scene();
    await hold(one, line(many));
    const stop = new AbortController();
    one.vm.knobs.once('/api/v1/export/native', { kind: 'delay', ms: 60_000 });
    const verifying = one.client.verifyChunk(Buffer.from(line(many)), { metric: 'm', range: DAY, readBack: 'native', signal: stop.signal });
    stop.abort(new Error('the worker stops'));
    await expect(verifying).rejects.toThrow('the worker stops');
    expect(one.exports()).not.toContain('json');
  });
});

describe('the probe', () => {
  const probed = ({ client }: Scene) => client.probe({ oldestMs: Date.UTC(2020, 0), newestMs: Date.UTC(2023, 0) });

  it.each([
    ['1.147', 'native'],
    ['1.79', 'native-bare'],
  ] as const)('proves the native blocks of %s', async (version, readBack) => {
    const one = await scene({ version });
    const found = await probed(one);
    expect(found).toMatchObject({ readBack, deleted: true });
    expect(found.readBackReason).toBeUndefined();
    expect(one.vm.store().points).toBe(0);
  });

  it.each([
    ['absent', 'unsupported path'],
    ['strange', 'stored in a way that is not known (9)'],
    ['long', 'behind a block there is something else'],
    ['cut', 'the reply is cut off'],
    ['wrong', 'a value is different'],
    ['short', 'points are missing'],
  ] as const)('does not believe native blocks that are %s', async (nativeExport, reason) => {
    const one = await scene({ nativeExport });
    expect(await probed(one)).toMatchObject({ readBack: 'json', readBackReason: expect.stringContaining(reason) });
    expect(one.warned).toContain('native blocks of the sink are not proven; what is written will be read back as JSON lines');
  });

  it('does not believe them where answers hide points, said or not', async () => {
    expect(await probed(await scene({ dedupMs: 1 }))).toMatchObject({ readBack: 'json' });
    const silent = await scene({ dedupMs: 1 });
    silent.vm.knobs.always('/flags', { kind: 'status', status: 401 });
    silent.vm.knobs.always('/metrics', { kind: 'status', status: 401 });
    expect(await probed(silent)).toMatchObject({ readBack: 'json', readBackReason: expect.stringContaining('its JSON lines lack') });
  });

  it('does not ask for them when it is told so', async () => {
    const one = await scene({}, { readBack: 'json' });
    expect(await probed(one)).toMatchObject({ readBack: 'json' });
    expect(one.exports()).not.toContain('native');
  });
});
