import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadConfiguration, parseConfiguration } from '../src/index.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'longshore-settings-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

function redisUrl(text: string, environment: NodeJS.ProcessEnv = {}): string | undefined {
  const file = join(dir, 'longshore.yaml');
  writeFileSync(file, text);
  return loadConfiguration({ LONGSHORE_CONFIG: file, ...environment }).redisUrl;
}

const SECRETS = { REDIS_PASSWORD: 'p@ss:w/rd', SENTINEL_PASSWORD: 's?c&t' };

test.each([
  ['redis: { url: "redis://h:1/2" }', 'redis://h:1/2'],
  ['redis: { url: "redis://h:1", username: me, password: "env:REDIS_PASSWORD" }', 'redis://me:p%40ss%3Aw%2Frd@h:1'],
  ['redis: { url: "redis+cluster://h:1", password: "env:REDIS_PASSWORD" }', 'redis+cluster://:p%40ss%3Aw%2Frd@h:1'],
  ['redis: { url: "unix:/run/redis.sock" }', 'unix:/run/redis.sock'],
  ['redis: { sentinels: [a, "b:7"], master: main }', 'redis+sentinel://a:26379,b:7/main'],
  [
    'redis: { sentinels: [a], master: main, tls: true, username: me, password: "env:REDIS_PASSWORD", sentinelPassword: "env:SENTINEL_PASSWORD" }',
    'rediss+sentinel://me:p%40ss%3Aw%2Frd@a:26379/main?sentinel-password=s%3Fc%26t',
  ],
  ['redis: { cluster: ["10.0.0.1", "[::1]:7001"] }', 'redis+cluster://10.0.0.1:6379,[::1]:7001'],
  ['fleet: a', undefined],
])('%s is %s', (text, url) => {
  expect(redisUrl(text, SECRETS)).toBe(url);
});

test('the environment wins, and then no secret of the file is read', () => {
  const text = 'redis: { cluster: [a], password: "env:NOT_THERE" }';
  expect(redisUrl(text, { REDIS_URL: 'redis+sentinel://h/main' })).toBe('redis+sentinel://h/main');
  expect(() => redisUrl(text)).toThrow('the secret env:NOT_THERE cannot be read');
});

describe('what contradicts itself is told where it stands', () => {
  test.each([
    ['redis:\n  url: redis://h\n  cluster: [a]\n', 'line 3, column 12: redis.cluster: url and cluster exclude each other'],
    ['redis:\n  sentinels: [a]\n', 'line 2, column 14: redis.sentinels: the name of the master is missing'],
    ['redis:\n  cluster: [a]\n  master: m\n', 'line 3, column 11: redis.master: it belongs to `sentinels`'],
    ['redis:\n  cluster: [a, "b:c"]\n', 'line 2, column 16: redis.cluster.1: a server is given as host:port'],
    ['redis:\n  cluster: []\n', 'line 2, column 12: redis.cluster must have at least 1 items'],
    ['redis:\n  cluster: [a]\n  password: hunter2\n', 'line 3, column 13: redis.password: a secret is given by reference'],
    ['redis:\n  password: env:A\n', 'line 2, column 13: redis.password: it belongs to'],
    ['redis:\n  url: unix:/s\n  password: env:A\n', 'line 3, column 13: redis.password: it belongs to'],
    ['redis:\n  url: redis://h\n  tls: true\n', 'line 3, column 8: redis.tls: it belongs to'],
    [
      'redis:\n  url: redis+sentinel://:hunter2@h\n',
      'line 2, column 8: redis.url: "redis+sentinel://h" is no address of a Redis: the master\'s name',
    ],
  ])('%j', (text, problem) => {
    expect(() => parseConfiguration('longshore.yaml', text)).toThrow(`longshore.yaml: ${problem}`);
    expect(() => parseConfiguration('longshore.yaml', text)).not.toThrow('hunter2');
  });
});
