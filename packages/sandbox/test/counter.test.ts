/** The counter service: what it refuses, what it lets in once, and its own count of effects. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { CounterEffect, CounterStandIn } from '../src/index.ts';
import { keepAdding, startCounterService } from '../src/index.ts';
import { ask } from './ask.ts';

let service: CounterStandIn;
beforeEach(async () => {
  service = await startCounterService({ counters: { hits: 5 } });
});
afterEach(() => service.close());

async function call(method: string, path: string, body?: object, base = service.url): Promise<{ status: number | 'cut'; body: unknown }> {
  const { status, body: text } = await ask(`${base}${path}`, { method, ...(body ? { body: JSON.stringify(body) } : {}) });
  return { status, body: text === '' ? undefined : JSON.parse(text) };
}
const codeOf = ({ body }: { body: unknown }): unknown => (body as { error?: { code: string } }).error?.code ?? 'ok';
const shown = ({ seq, method, before, after }: CounterEffect) => [seq, method, before, after];

test('an add without a request id counts as often as it comes; with one, once', async () => {
  await call('POST', '/counters/hits/add', { units: 2 });
  await call('POST', '/counters/hits/add', { units: 2 });
  await call('POST', '/counters/hits/add', { units: 10, request: 'r' });
  expect((await call('POST', '/counters/hits/add', { units: 10, request: 'r' })).body).toEqual({ value: 19, applied: 10, repeated: true });
  expect(service.store.effects.map(shown)).toEqual([
    [1, 'add', 5, 7],
    [2, 'add', 7, 9],
    [3, 'add', 9, 19],
  ]);
});

test('denials and routes are set, outlive the counter, and stop clients', async () => {
  const denial = { by: 'op_1', note: 'it is being moved' };
  await call('PUT', '/counters/hits/denial', { denial });
  await call('PUT', '/counters/hits/denial', { denial });
  expect(codeOf(await call('POST', '/counters/hits/add', { units: 1 }))).toBe('denied');
  await call('PUT', '/counters/hits/denial', { denial: null });
  await call('PUT', '/counters/hits/route', { route: 'http://elsewhere' });
  expect((await call('POST', '/counters/hits/add', { units: 1 })).body).toMatchObject({
    error: { code: 'moved', route: 'http://elsewhere' },
  });
  await call('DELETE', '/counters/hits');
  expect((await call('GET', '/counters/hits')).body).toEqual({ name: 'hits', value: null, denial: null, route: 'http://elsewhere' });
  expect(service.store.effects.map(({ method }) => method)).toEqual(['deny', 'deny', 'deny', 'route', 'delete']);
});

test('a fenced service refuses older tokens, and changes of state without one', async () => {
  service.knobs.settings.fenced = true;
  expect((await call('PUT', '/counters/hits', { value: 6, token: 7 })).status).toBe(200);
  expect(codeOf(await call('PUT', '/counters/hits', { value: 9, token: 6 }))).toBe('fenced');
  expect(codeOf(await call('PUT', '/counters/hits', { value: 9 }))).toBe('fenced');
  expect(codeOf(await call('PUT', '/counters/other', { value: 9, token: 6 }))).toBe('ok');
  expect(codeOf(await call('POST', '/counters/hits/add', { units: 1 }))).toBe('ok');
  expect(service.store.effectsOf('hits').map(({ token }) => token)).toEqual([7, null]);
});

test.each([
  ['PUT', '/counters/hits', { value: -1 }, 'bad-request'],
  ['PUT', '/counters/hits', { value: 1.5 }, 'bad-request'],
  ['PUT', '/counters/hits', { value: 1, ifValue: 4 }, 'changed'],
  ['PUT', '/counters/hits/denial', { denial: 'no' }, 'bad-request'],
  ['POST', '/counters/hits/add', { units: -6 }, 'below-zero'],
  ['POST', '/counters/none/add', { units: 1 }, 'no-such-counter'],
  ['DELETE', '/counters/none', {}, 'no-such-counter'],
  ['PATCH', '/counters/hits', {}, 'no-such-call'],
  ['PUT', '/counters/a%20b', { value: 1 }, 'bad-request'],
  ['GET', '/nowhere', undefined, 'no-such-page'],
])('%s %s %j is refused without an effect', async (method, path, body, code) => {
  expect(codeOf(await call(method, path, body))).toBe(code);
  expect(service.store.effects).toEqual([]);
});

test('effects tell their connection and can be read from where one left off', async () => {
  await call('PUT', '/counters/hits', { value: 1 });
  await call('PUT', '/counters/other', { value: 2 });
  const { effects } = (await call('GET', '/effects?after=1')).body as { effects: CounterEffect[] };
  expect(effects.map(shown)).toEqual([[2, 'set', null, 2]]);
  expect(effects[0]?.connection).toMatch(/^.*127\.0\.0\.1:\d+$/);
  expect((await call('GET', '/effects?counter=hits')).body).toMatchObject({ effects: [{ counter: 'hits' }] });
});

test('an effect may land late; what it meets then decides', async () => {
  const late = service.knobs.once(/^PUT/, { kind: 'late', landsAfterMs: 30, reply: 'reset' });
  expect((await call('PUT', '/counters/hits', { value: 9, ifValue: 5 })).status).toBe('cut');
  expect((await call('PUT', '/counters/hits', { value: 8, ifValue: 5 })).status).toBe(200);
  await late.landed();
  expect(service.store.view('hits').value).toBe(8);
});

describe('clients that keep adding', () => {
  test('follow the route, and know what went in', async () => {
    await using other = await startCounterService({ counters: { hits: 0 } });
    const traffic = keepAdding({ service: service.url, counter: 'hits' });
    await traffic.reached(20);
    await call('PUT', '/counters/hits/route', { route: other.url });
    await traffic.reached(traffic.acknowledged + 20);
    await traffic.stop();
    expect(traffic.service).toBe(other.url);
    expect(service.store.view('hits').value! - 5 + other.store.view('hits').value!).toBe(traffic.acknowledged);
    expect(traffic.refused.moved).toBeGreaterThan(0);
  });

  test('do not repeat what may have gone in', async () => {
    service.knobs.times(3, /add/, { kind: 'reset-after' });
    const traffic = keepAdding({ service: service.url, counter: 'hits', clients: 1 });
    await traffic.reached(5);
    await traffic.stop();
    expect(traffic.unknown).toBe(3);
    expect(service.store.view('hits').value).toBe(5 + traffic.acknowledged + 3);
  });
});

test('it runs as a process of its own, with knobs over HTTP', async () => {
  const main = fileURLToPath(new URL('../src/counter/main.ts', import.meta.url));
  const child = spawn(process.execPath, [main, '--port', '0', '--fenced', 'hits=3'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  try {
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const base = `http://127.0.0.1:${Number(line.toString())}`;
    expect((await call('GET', '/counters/hits', undefined, base)).body).toMatchObject({ value: 3 });
    await call('POST', '/faults', { match: '^PUT', effect: { kind: 'status', status: 503 }, times: 1 }, base);
    expect((await call('PUT', '/counters/hits', { value: 4, token: 1 }, base)).status).toBe(503);
    expect((await call('PUT', '/counters/hits', { value: 4, token: 1 }, base)).status).toBe(200);
    expect((await call('GET', '/faults', undefined, base)).body).toEqual({ hits: [1] });
    expect((await call('DELETE', '/faults', undefined, base)).status).toBe(200);
  } finally {
    child.kill('SIGTERM');
  }
  expect(await ended).toEqual([0, null]);
});
