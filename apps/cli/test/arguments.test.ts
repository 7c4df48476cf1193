import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { parseDuration } from '../src/arguments/duration.ts';
import { parseSpool, parseTarget } from '../src/arguments/target.ts';
import { tsdbRequest } from '../src/commands/tsdb.ts';

describe('lengths of time', () => {
  test.each([
    ['day', 86_400_000],
    ['Hour', 3_600_000],
    ['6h', 21_600_000],
    ['90m', 5_400_000],
    ['90min', 5_400_000],
    ['30s', 30_000],
    ['250ms', 250],
    ['1h30m', 5_400_000],
    ['1h 30m', 5_400_000],
    ['1.5h', 5_400_000],
    ['2w', 1_209_600_000],
    ['0s', 0],
  ])('%s', (text, ms) => expect(parseDuration(text)).toBe(ms));

  test.each(['', '6', 'h', '6 hours', '-1h', '1h-30m', '1y', '1e3s', '999999999d', 'days'])('"%s" is refused', (text) =>
    expect(() => parseDuration(text)).toThrow(expect.objectContaining({ code: 'LSH_DURATION_INVALID' })),
  );

  property.prop([fc.nat(500), fc.nat(23), fc.nat(59), fc.nat(59)])('a sum is the sum', (d, h, m, s) => {
    expect(parseDuration(`${d}d${h}h${m}m${s}s`)).toBe((((d * 24 + h) * 60 + m) * 60 + s) * 1000);
  });
});

describe('targets', () => {
  test.each([
    ['otsdb-old', 'otsdb-old'],
    ['http://h:4242', 'http://h:4242'],
    ['http://h:4242/prefix/', 'http://h:4242/prefix'],
    ['HTTPS://h', 'HTTPS://h'],
    ['h.example:4242', 'http://h.example:4242'],
    ['127.0.0.1:8428/x', 'http://127.0.0.1:8428/x'],
  ])('%s', (text, address) => expect(parseTarget('--source', text)).toBe(address));

  test.each(['', 'Not A Name', 'ftp://h', 'file:///etc/passwd', 'http://', 'h:4242:9', '--plan'])('"%s" is refused', (text) =>
    expect(() => parseTarget('--source', text)).toThrow(expect.objectContaining({ code: 'LSH_TARGET_INVALID' })),
  );

  test('an address with a password is refused without repeating it', () => {
    try {
      parseTarget('--sink', 'http://me:hunter2@h:1');
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ code: 'LSH_TARGET_INVALID' });
      expect(String(error)).not.toContain('hunter2');
    }
  });
});

test('a spool is a name or a directory, and a directory always has the same name', () => {
  expect(parseSpool('disk1', '/home')).toEqual({ name: 'disk1' });
  const relative = parseSpool('./Dump Ärea', '/data');
  expect(relative.path).toBe('/data/Dump Ärea');
  expect(relative.name).toMatch(/^dump-rea-[0-9a-f]{6}$/);
  expect(parseSpool('/data/Dump Ärea/', '/elsewhere')).toEqual(relative);
  expect(parseSpool('/', '/')).toMatchObject({ path: '/', name: expect.stringMatching(/^spool-/) });
  expect(() => parseSpool('Disk', '/')).toThrow(expect.objectContaining({ code: 'LSH_SPOOL_INVALID' }));
});

describe('tsdb commands', () => {
  const flags = {
    source: 'old:4242',
    sink: 'vm',
    start: '2023-03-08',
    stop: '2023-03-09T12:00:00+01:00',
    metricsPrefix: 'kilda.',
    interval: 'hour',
  };

  test('a dump is compared whole: no window is asked for, and none is passed over', () => {
    const given = { from: 'op_ab12cd34', sink: 'vm', metricsPrefix: '' };
    expect(tsdbRequest('verify', given, 0, '/').params).toEqual({ from: 'op_ab12cd34', sink: 'vm' });
    for (const more of [{ source: 'tsd' }, { start: '2023-03-08' }, { metricsPrefix: 'kilda.' }, { tag: ['a=b'] }, { interval: 'hour' }])
      expect(() => tsdbRequest('verify', { ...given, ...more }, 0, '/')).toThrow(
        expect.objectContaining({ code: 'LSH_USAGE', message: expect.stringContaining('compared whole') }),
      );
  });

  test('flags become the parameters of the kind, and both times are said', () => {
    expect(tsdbRequest('migrate', { ...flags, settle: '5s', verify: true, existing: 'fill', spool: '/data/dump' }, 0, '/')).toEqual({
      kind: 'tsdb.migrate',
      params: {
        source: 'http://old:4242',
        sink: 'vm',
        startMs: 1_678_233_600_000,
        stopMs: 1_678_359_600_000,
        metricsPrefix: 'kilda.',
        intervalMs: 3_600_000,
        existing: 'fill',
        verify: true,
        settleMs: 5_000,
        spool: expect.stringMatching(/^dump-/),
      },
      spool: { name: expect.stringMatching(/^dump-/), path: '/data/dump' },
      headline:
        'migrate metrics kilda.… from http://old:4242 to vm: 2023-03-08 00:00:00 UTC up to, not including, 2023-03-09 11:00:00 UTC.',
    });
    const { stop: _stop, interval: _interval, ...open } = flags;
    expect(tsdbRequest('migrate', { ...open, follow: true, grace: '20m' }, 0, '/')).toMatchObject({
      kind: 'tsdb.follow',
      params: {
        source: 'http://old:4242',
        sink: 'vm',
        startMs: 1_678_233_600_000,
        metricsPrefix: 'kilda.',
        existing: 'refuse',
        graceMs: 1_200_000,
      },
    });
    for (const wrong of [{ stop: 'now' }, { verify: false }, { via: 'put' as const }, { downsample: '1m-avg' }, { rename: ['a=b'] }])
      expect(() => tsdbRequest('migrate', { ...open, ...wrong, follow: true }, 0, '/')).toThrow('--follow does not go with');
    expect(() => tsdbRequest('migrate', { ...flags, grace: '20m' }, 0, '/')).toThrow('--grace belongs to --follow');
    expect(Object.keys(tsdbRequest('dump', flags, 0, '/').params)).toEqual(['source', 'startMs', 'stopMs', 'metricsPrefix', 'intervalMs']);
    expect(tsdbRequest('restore', { from: 'op_1', sink: 'vm' }, 0, '/').params).toEqual({
      from: 'op_1',
      sink: 'vm',
      existing: 'refuse',
      verify: true,
    });
    expect(
      tsdbRequest('restore', { from: 'op_1', sink: './out', via: 'text', rename: ['a.*=b.*'], extraLabel: ['dc=a=b'] }, 0, '/data').params,
    ).toEqual({
      from: 'op_1',
      sink: 'file:///data/out',
      existing: 'refuse',
      verify: true,
      via: 'text',
      rename: ['a.*=b.*'],
      extraLabels: { dc: 'a=b' },
    });
    for (const job of ['migrate', 'dump', 'verify'] as const) {
      expect(tsdbRequest(job, { ...flags, annotations: 'off' }, 0, '/').params).toMatchObject({ annotations: 'off' });
      expect(tsdbRequest(job, { ...flags, annotations: 'on' }, 0, '/').params).not.toHaveProperty('annotations');
    }
    expect(tsdbRequest('verify', { ...flags, prometheusNames: true }, 0, '/').params).toMatchObject({ prometheusNames: true });
  });

  test.each([
    ['no source', { ...flags, source: undefined }, 'LSH_USAGE', /--source/],
    ['no sink', { ...flags, sink: undefined }, 'LSH_USAGE', /--sink/],
    ['no start', { ...flags, start: undefined }, 'LSH_USAGE', /--start/],
    ['an empty window', { ...flags, stop: flags.start }, 'LSH_WINDOW_EMPTY', /2023-03-08 00:00:00 UTC/],
    ['a window that runs backwards', { ...flags, stop: '2022-01-01' }, 'LSH_WINDOW_EMPTY', /2022-01-01/],
    ['a wrong time', { ...flags, stop: 'noon' }, 'LSH_TIME_INVALID', /noon/],
    ['an extra label without a value', { ...flags, extraLabel: ['dc'] }, 'LSH_USAGE', /--extra-label dc is not/],
    ['an extra label twice', { ...flags, extraLabel: ['dc=a', 'dc=b'] }, 'LSH_USAGE', /gives dc twice/],
    ['a wrong interval', { ...flags, interval: 'often' }, 'LSH_DURATION_INVALID', /often/],
  ])('%s is a usage error', (_what, given, code, message) => {
    const wrong = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
    expect(() => tsdbRequest('migrate', wrong, 0, '/')).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }));
  });
});
