import { request } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  dpsFaults,
  errorInsideReply,
  type OpenTsdbStandIn,
  startOpenTsdb,
  startVictoriaMetrics,
  type VictoriaMetricsStandIn,
} from '../src/index.ts';
import { ask, importLine } from './ask.ts';

let vm: VictoriaMetricsStandIn;
let tsdb: OpenTsdbStandIn;
const T = 1_678_233_600_000;

beforeEach(async () => {
  vm = await startVictoriaMetrics();
  tsdb = await startOpenTsdb({
    series: [
      {
        metric: 'kilda.a',
        tags: { host: 'h1' },
        points: [
          [T, '1'],
          [T + 1000, '2.5'],
        ],
      },
    ],
  });
});
afterEach(async () => {
  await vm.close();
  await tsdb.close();
});

const send = (body: string): ReturnType<typeof ask> => ask(`${vm.url}/api/v1/import`, { method: 'POST', body });
const query = (flags = ''): ReturnType<typeof ask> => ask(`${tsdb.url}/api/query?start=${T}&end=${T + 5000}&m=none:kilda.a&ms${flags}`);

describe('how often', () => {
  test('once, always, every n-th, so many times, and removed', async () => {
    const statuses = async (count: number): Promise<unknown[]> => {
      const seen: unknown[] = [];
      for (let at = 0; at < count; at += 1) seen.push((await ask(`${vm.url}/health`)).status);
      return seen;
    };
    vm.knobs.once('/health', { kind: 'status', status: 503 });
    expect(await statuses(2)).toEqual([503, 200]);
    const second = vm.knobs.everyNth(2, '/health', { kind: 'status', status: 500 });
    expect(await statuses(4)).toEqual([200, 500, 200, 500]);
    second.remove();
    vm.knobs.times(2, /^GET \/health/, { kind: 'status', status: 429 });
    expect(await statuses(3)).toEqual([429, 429, 200]);
    vm.knobs.always((seen) => seen.path === '/health', { kind: 'status', status: 418 });
    expect(await statuses(2)).toEqual([418, 418]);
    vm.knobs.clear();
    expect(await statuses(1)).toEqual([200]);
  });

  test('a rule tells when it has struck', async () => {
    const rule = vm.knobs.always('/health', { kind: 'delay', ms: 1 });
    await Promise.all([rule.struck(2), ask(`${vm.url}/health`), ask(`${vm.url}/health`)]);
    expect(rule.hits).toBe(2);
  });
});

describe('what befalls a write', () => {
  test('Retry-After goes with a status, and nothing is stored', async () => {
    vm.knobs.once('/api/v1/import', { kind: 'status', status: 429, retryAfter: 7 });
    const { status, headers } = await send(importLine('a', [1, 2]));
    expect([status, headers.get('retry-after'), vm.store().points]).toEqual([429, '7', 0]);
  });

  test('a reset before the effect stores nothing; one after it stores everything', async () => {
    vm.knobs.once('/api/v1/import', { kind: 'reset-before' });
    expect([(await send(importLine('a', [1, 2]))).status, vm.store().points]).toEqual(['cut', 0]);
    vm.knobs.once('/api/v1/import', { kind: 'reset-after' });
    expect([(await send(importLine('a', [1, 2]))).status, vm.store().points]).toEqual(['cut', 2]);
    expect(vm.log.requests.map(({ status, faults }) => [status, faults])).toEqual([
      [0, ['reset-before']],
      [0, ['reset-after']],
    ]);
  });

  test.each(['reset', 'none'] as const)('a late effect lands although nobody waits for it (reply: %s)', async (reply) => {
    const late = vm.knobs.once('/api/v1/import', { kind: 'late', landsAfterMs: 20, reply });
    const impatient = new AbortController();
    const sent = ask(`${vm.url}/api/v1/import`, { method: 'POST', body: importLine('a', [1, 2]), signal: impatient.signal });
    const ended = expect(sent.catch(() => ({ status: 'cut' }))).resolves.toMatchObject({ status: 'cut' });
    await late.struck();
    expect(vm.store().points).toBe(0);
    impatient.abort();
    await late.landed();
    expect(vm.store().points).toBe(2);
    await ended;
  });

  test('a 204, and a 400, that stored a part', async () => {
    const lines = ['a', 'b', 'c', 'd'].map((name) => importLine(name, [1])).join('');
    vm.knobs.once('/api/v1/import', { kind: 'partial', keep: 0.5 });
    expect([(await send(lines)).status, vm.store().points]).toEqual([204, 2]);
    vm.knobs.once('/api/v1/import', { kind: 'partial', keep: 0.25, status: 400, body: 'cannot read' });
    expect([(await send(lines)).status, vm.store().points]).toEqual([400, 3]);
    tsdb.knobs.once('/api/put', { kind: 'partial', keep: 0.5 });
    const points = [1, 2].map((at) => ({ metric: 'kilda.p', timestamp: T / 1000 + at, value: at, tags: { host: 'h' } }));
    const { status } = await ask(`${tsdb.url}/api/put`, { method: 'POST', body: JSON.stringify(points) });
    expect([status, tsdb.store.series('kilda.p')[0]?.range(0, Number.MAX_SAFE_INTEGER).length]).toEqual([204, 1]);
  });
});

describe('what befalls a reply', () => {
  const received = (cutAt: number, ending: 'reset' | 'clean'): Promise<{ bytes: number; complete: boolean }> => {
    tsdb.knobs.once('/api/query', { kind: 'truncate', afterBytes: cutAt, ending });
    return new Promise((resolve, reject) => {
      request(`${tsdb.url}/api/query?start=${T}&end=${T + 5000}&m=none:kilda.a`, (incoming) => {
        let bytes = 0;
        incoming.on('data', (part: Buffer) => {
          bytes += part.length;
        });
        incoming.on('error', () => undefined);
        incoming.on('close', () => resolve({ bytes, complete: incoming.complete }));
      })
        .on('error', reject)
        .end();
    });
  };

  test('it is cut by a reset, or ends as if it were whole', async () => {
    expect(await received(40, 'reset')).toEqual({ bytes: 40, complete: false });
    expect(await received(40, 'clean')).toEqual({ bytes: 40, complete: true });
  });

  test('it trickles', async () => {
    const rule = tsdb.knobs.once('/api/query', { kind: 'drip', bytes: 10, everyMs: 1 });
    const { body } = await query();
    expect(JSON.parse(body)).toHaveLength(1);
    expect(rule.hits).toBe(1);
  });

  test.each([
    ['nan', '{"1678233600000":NaN,"1678233601000":2.5}', '[[1678233600000,NaN],[1678233601000,2.5]]'],
    ['null', '{"1678233600000":null,"1678233601000":2.5}', '[[1678233600000,null],[1678233601000,2.5]]'],
    ['infinity', '{"1678233600000":Infinity,"1678233601000":2.5}', '[[1678233600000,Infinity],[1678233601000,2.5]]'],
    ['garbage', '{"1678233600000":oops,"1678233601000":2.5}', '[[1678233600000,oops],[1678233601000,2.5]]'],
    [
      'duplicate',
      '{"1678233600000":1,"1678233600000":999999,"1678233601000":2.5}',
      '[[1678233600000,1],[1678233600000,999999],[1678233601000,2.5]]',
    ],
  ] as const)('a point is %s', async (fault, object, arrays) => {
    tsdb.knobs.always('/api/query', { kind: 'rewrite', edit: dpsFaults[fault] });
    expect((await query()).body).toContain(`"dps":${object}}`);
    expect((await query('&arrays')).body).toContain(`"dps":${arrays}}`);
  });

  test('an error object stands among the series, with a 200', async () => {
    tsdb.knobs.once('/api/query', { kind: 'rewrite', edit: errorInsideReply('scanner died') });
    const { status, body } = await query();
    expect(status).toBe(200);
    expect(JSON.parse(body)[1]).toEqual({ error: { code: 500, message: 'scanner died' } });
  });
});
