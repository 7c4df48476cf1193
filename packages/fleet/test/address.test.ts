import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import type { RedisAddress } from '../src/index.ts';
import { formatRedisAddress, parseRedisAddress, shownAddress } from '../src/index.ts';

describe('an address', () => {
  test.each<[string, RedisAddress]>([
    ['redis://u:p@h:1/2', { mode: 'single', url: 'redis://u:p@h:1/2' }],
    ['rediss://h', { mode: 'single', url: 'rediss://h' }],
    ['unix:/run/redis.sock', { mode: 'single', url: 'unix:/run/redis.sock' }],
    [
      'redis+sentinel://h1:1,h2/main',
      {
        mode: 'sentinel',
        sentinels: [
          { host: 'h1', port: 1 },
          { host: 'h2', port: 26379 },
        ],
        master: 'main',
      },
    ],
    [
      'rediss+sentinel://u:p%40@[::1]:7/a%20b?sentinel-username=s&sentinel-password=x%26y',
      {
        mode: 'sentinel',
        sentinels: [{ host: '::1', port: 7 }],
        master: 'a b',
        username: 'u',
        password: 'p@',
        tls: true,
        sentinelUsername: 's',
        sentinelPassword: 'x&y',
      },
    ],
    [
      'redis+cluster://:secret@h1,h2:7001',
      {
        mode: 'cluster',
        nodes: [
          { host: 'h1', port: 6379 },
          { host: 'h2', port: 7001 },
        ],
        password: 'secret',
      },
    ],
    ['rediss+cluster://me@h', { mode: 'cluster', nodes: [{ host: 'h', port: 6379 }], username: 'me', tls: true }],
  ])('%s is understood', (url, address) => {
    expect(parseRedisAddress(url)).toEqual(address);
  });

  test.each([
    ['http://h', 'it begins with none of'],
    ['h:6379', 'it begins with none of'],
    ['redis://:hunter2@h:port', 'it is not well-formed'],
    ['redis+cluster://:hunter2@h/0', 'a cluster has neither a database nor options'],
    ['redis+cluster://', '"" is no host:port'],
    ['redis+cluster://a,,b', '"" is no host:port'],
    ['redis+cluster://a:70000', '"a:70000" is no host:port'],
    ['redis+cluster://:hunter2%@a', 'a % in it is not followed by'],
    ['redis+cluster://u:hunter2@x@a', 'it is not well-formed'],
    ['redis+sentinel://h', "the master's name is missing"],
    ['redis+sentinel://h/m?sentinel-passwort=hunter2', 'it has no option "sentinel-passwort"'],
    ['redis+proxy://h', 'it is not well-formed'],
  ])('%s is refused without its password being told', (url, problem) => {
    expect(() => parseRedisAddress(url)).toThrow(problem);
    expect(() => parseRedisAddress(url)).not.toThrow('hunter2');
  });

  const endpoint = fc.record({
    host: fc.constantFrom('h', 'redis-1.example', '10.0.0.1', '::1'),
    port: fc.integer({ min: 1, max: 65_535 }),
  });
  const endpoints = fc.array(endpoint, { minLength: 1, maxLength: 3 });
  const word = fc.string({ minLength: 1, unit: 'grapheme' });
  const login = { username: word, password: word, tls: fc.constant(true) };
  property.prop([
    fc.oneof(
      fc.record({ mode: fc.constant('cluster' as const), nodes: endpoints, ...login }, { requiredKeys: ['mode', 'nodes'] }),
      fc.record(
        {
          mode: fc.constant('sentinel' as const),
          sentinels: endpoints,
          master: word,
          sentinelUsername: word,
          sentinelPassword: word,
          ...login,
        },
        { requiredKeys: ['mode', 'sentinels', 'master'] },
      ),
    ),
  ])('is the same again after it was written down and read, whatever its password', (address) => {
    expect(parseRedisAddress(formatRedisAddress(address))).toEqual(address);
  });
});

test.each([
  ['redis://user:p%40ss@h:1/2', 'redis://h:1/2'],
  ['rediss://:secret@h', 'rediss://h'],
  ['redis://h:1', 'redis://h:1'],
  ['unix:/run/redis.sock', 'unix:/run/redis.sock'],
  ['redis://user:a@b@h:1', 'redis://h:1'],
  ['redis://user:a/b@h:1', 'redis://h:1'],
  ['http://h/path@x', 'http://h/path@x'],
  ['redis+sentinel://u:secret@a:1,b:2/main?sentinel-password=secret', 'redis+sentinel://a:1,b:2/main'],
  ['redis+sentinel://a/main?sentinel-password=s@cret', 'redis+sentinel://a/main'],
  ['redis+cluster://:secret@a:1,b:2', 'redis+cluster://a:1,b:2'],
])('%s is shown as %s', (url, shown) => {
  expect(shownAddress(url)).toBe(shown);
});
