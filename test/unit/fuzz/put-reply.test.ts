/** Answers to `/api/put`, damaged: whatever is no account of success is never taken for one. */
import { expect } from 'vitest';
import { answer } from '../../../packages/tsdb/src/client/opentsdb/put.ts';
import { damaged, fuzz } from './harness.ts';

const STATUSES = [200, 200, 200, 204, 400, 408, 413, 424, 429, 500, 503, 302, 401];

fuzz('a damaged answer to a put is taken for success only where it says so', 5_000, (dice) => {
  const failed = dice.below(4);
  const errors = dice.times(failed, (at) => ({
    error: 'Unknown metric',
    datapoint: { metric: `m"${at}`, timestamp: at, tags: { a: 'ö' } },
  }));
  const body = dice.oneIn(6)
    ? Buffer.from(dice.pick(['', '{"error":{"code":500,"message":"boom"}}', '<html>', 'ok', '[]']))
    : Buffer.from(JSON.stringify({ success: dice.below(9), failed, ...(dice.oneIn(2) ? { errors } : {}) }));
  const bytes = dice.oneIn(5) ? body : damaged(body, dice);
  const status = dice.pick(STATUSES);
  const text = bytes.toString();
  const result = answer(status, text);
  let json: unknown;
  let isJson = true;
  try {
    json = JSON.parse(text);
  } catch {
    isJson = false;
  }
  const field = (name: string): unknown => (typeof json === 'object' && json !== null ? Reflect.get(json, name) : undefined);
  const begins = text.trimStart()[0] ?? '';
  if (result.result === 'taken') {
    expect(status >= 200 && status < 300, text).toBe(true);
    expect(Number(field('failed') ?? 0) > 0 && field('success') !== undefined, text).toBe(false);
    expect(!isJson && '{[<'.includes(begins) && begins !== '', text).toBe(false);
    expect(field('error') !== undefined && field('failed') === undefined, text).toBe(false);
  } else if (
    status >= 200 &&
    status < 300 &&
    isJson &&
    field('failed') === 0 &&
    field('errors') === undefined &&
    Number.isFinite(field('success'))
  )
    throw new Error(`${result.result} for ${text}`);
  if (result.result === 'partly' && isJson && field('failed') !== undefined)
    expect(result.failed, text).toBeGreaterThanOrEqual(Number(field('failed')));
});
