import type { Log } from '@longshore/core';
import { describe, expect, test } from 'vitest';
import { awaitRedis, checkRedis, inspectRedis, redisDurability } from '../src/index.ts';
import type { Answers } from './resp-server.ts';
import { respServer } from './resp-server.ts';

const SAFE = { 'maxmemory-policy': 'noeviction', appendonly: 'yes', appendfsync: 'always' };
const FORBIDDEN = ["ERR unknown command 'CONFIG'", "NOPERM this user has no permissions to run the 'config' command"];

async function asked<T>(answers: Answers, ask: (url: string) => Promise<T>): Promise<unknown> {
  const server = await respServer(answers);
  try {
    return await ask(server.url);
  } catch (error) {
    expect(JSON.stringify((error as { data: unknown }).data)).not.toContain('hunter2');
    return error;
  } finally {
    await server.close();
  }
}
const check = (answers: Answers): Promise<unknown> => asked(answers, checkRedis);

function noting(): { log: Log; warned: [object, string][] } {
  const warned: [object, string][] = [];
  const quiet = (): void => undefined;
  return { log: { debug: quiet, info: quiet, error: quiet, warn: (details, message) => void warned.push([details, message]) }, warned };
}

describe('a Redis', () => {
  test.each(['6.2.0', '7.0.15', '8.4.1'])('%s with safe settings is taken', async (version) => {
    expect(await check({ version, settings: SAFE })).toBe(version);
  });

  test.each(['5.0.14', '6.0.20', '6.1.9'])('%s is too old', async (version) => {
    expect(await check({ version, settings: SAFE })).toMatchObject({
      data: { code: 'LSH_REDIS_VERSION', exitCode: 4, fix: expect.stringContaining('apt-get install --only-upgrade redis-server') },
    });
  });

  test.each([
    ['maxmemory-policy', 'allkeys-lru', 'noeviction'],
    ['appendonly', 'no', 'yes'],
  ])('with %s %s is refused with the command that mends it', async (setting, value, wanted) => {
    const command = new RegExp(`\`redis-cli -h 127\\.0\\.0\\.1 -p \\d+ --user user --askpass CONFIG SET ${setting} ${wanted}\``);
    expect(await check({ version: '7.0.0', settings: { ...SAFE, [setting]: value } })).toMatchObject({
      data: { code: 'LSH_REDIS_UNSAFE', exitCode: 4, fix: expect.stringMatching(command) },
    });
  });

  test('that is a replica is refused, with the master', async () => {
    const info = { role: 'slave', master_host: '10.1.2.3', master_port: '6380' };
    expect(await check({ version: '7.0.0', settings: SAFE, info })).toMatchObject({
      data: { code: 'LSH_REDIS_REPLICA', exitCode: 4, fix: expect.stringContaining('redis://10.1.2.3:6380') },
    });
  });

  test.each(['NOAUTH Authentication required.', 'WRONGPASS invalid username-password pair or user is disabled.'])(
    'that says "%s" is not waited for',
    async (denial) => {
      const { log, warned } = noting();
      expect(await asked({ version: '7.0.0', settings: SAFE, denial }, (url) => awaitRedis(url, log))).toMatchObject({
        data: { code: 'LSH_REDIS_DENIED', exitCode: 4, retryable: false, message: expect.stringContaining(denial) },
      });
      expect(warned).toEqual([]);
    },
  );

  test('that is not there is said to be unreachable, with the cause and without the password', async () => {
    const server = await respServer({ version: '7.0.0', settings: SAFE });
    await server.close();
    await expect(checkRedis(server.url)).rejects.toMatchObject({
      data: { code: 'LSH_REDIS_UNREACHABLE', exitCode: 5, retryable: true, message: expect.stringMatching(/ECONNREFUSED/) },
    });
    await expect(checkRedis(server.url)).rejects.toThrow(`Redis at redis://127.0.0.1:${server.port} cannot be reached`);
  });
});

describe('where CONFIG is forbidden', () => {
  test.each(FORBIDDEN)('by "%s", what INFO tells is held against it', async (configError) => {
    for (const [info, setting] of [
      [{ maxmemory_policy: 'volatile-lru', aof_enabled: '1' }, 'maxmemory-policy'],
      [{ maxmemory_policy: 'noeviction', aof_enabled: '0' }, 'appendonly'],
    ] as const) {
      const { data } = (await check({ version: '7.0.0', settings: {}, configError, info })) as { data: { code: string; fix: string } };
      expect(data.code).toBe('LSH_REDIS_UNSAFE');
      expect(data.fix).toContain(`CONFIG is forbidden there: set ${setting}`);
    }
  });

  test.each(FORBIDDEN)('by "%s", what cannot be seen is named', async (configError) => {
    const { log, warned } = noting();
    expect(await asked({ version: '7.0.0', settings: {}, configError }, (url) => checkRedis(url, log))).toBe('7.0.0');
    expect(warned).toMatchObject([
      [{ unchecked: ['maxmemory-policy', 'appendonly', 'appendfsync'] }, expect.stringContaining('see to it')],
    ]);
    const info = { maxmemory_policy: 'noeviction', aof_enabled: '1' };
    expect(await asked({ version: '7.0.0', settings: {}, configError, info }, inspectRedis)).toEqual({
      version: '7.0.0',
      mode: 'single',
      durability: 'unknown',
      unchecked: ['appendfsync'],
    });
  });
});

test.each([
  ['always', 'always'],
  ['everysec', 'everysec'],
  ['no', 'no'],
  ['something-new', 'unknown'],
])('appendfsync %s is a durability of %s', async (appendfsync, durability) => {
  expect(await asked({ version: '7.0.0', settings: { ...SAFE, appendfsync } }, redisDurability)).toBe(durability);
});

describe('what does not fit the address is said with the one that does', () => {
  test.each<[string, Answers['info'], RegExp]>([
    [
      'a Sentinel',
      { redis_mode: 'sentinel', master0: 'name=main,status=ok,address=10.0.0.1:6379' },
      /redis\+sentinel:\/\/127\.0\.0\.1:\d+\/main,/,
    ],
    ['a node of a cluster', { cluster_enabled: '1' }, /redis\+cluster:\/\/127\.0\.0\.1:\d+,/],
  ])('%s behind redis://', async (is, info, use) => {
    expect(await check({ version: '7.0.0', settings: SAFE, info: info! })).toMatchObject({
      data: { code: 'LSH_REDIS_MODE', message: expect.stringContaining(`is ${is}`), fix: expect.stringMatching(use) },
    });
  });

  test('a server alone behind redis+cluster://', async () => {
    const answers = { version: '7.0.0', settings: SAFE, info: { cluster_enabled: '0' } };
    const cluster = (url: string): Promise<string> => checkRedis(url.replace('redis:', 'redis+cluster:'));
    expect(await asked(answers, cluster)).toMatchObject({
      data: { code: 'LSH_REDIS_MODE', fix: expect.stringMatching(/redis:\/\/127\.0\.0\.1:\d+,/) },
    });
  });
});

describe('a process that starts before its Redis', () => {
  test('says so at each try, and goes on as soon as it is there', async () => {
    const { port, close } = await respServer({ version: '7.0.0', settings: SAFE });
    await close();
    const { log, warned } = noting();
    const told = Promise.withResolvers<void>();
    const waiting = awaitRedis(`redis://user:hunter2@127.0.0.1:${port}`, {
      ...log,
      warn: (details, message) => {
        log.warn(details, message);
        told.resolve();
      },
    });
    await told.promise;
    const server = await respServer({ version: '7.0.0', settings: SAFE }, port);
    try {
      expect(await waiting).toBe('7.0.0');
    } finally {
      await server.close();
    }
    expect(warned[0]).toMatchObject([
      { message: expect.stringContaining('ECONNREFUSED'), nextTryMs: expect.any(Number) },
      'waiting for Redis',
    ]);
    expect(JSON.stringify(warned)).not.toContain('hunter2');
  });

  test('gives up after a bounded time', async () => {
    const { url, close } = await respServer({ version: '7.0.0', settings: SAFE });
    await close();
    const { log, warned } = noting();
    await expect(awaitRedis(url, log, 300)).rejects.toMatchObject({ data: { code: 'LSH_REDIS_UNREACHABLE', exitCode: 5 } });
    expect(warned.length).toBeGreaterThan(0);
  });

  test('does not wait where waiting cannot help', async () => {
    const { log, warned } = noting();
    const answers = { version: '7.0.0', settings: { ...SAFE, appendonly: 'no' } };
    expect(await asked(answers, (url) => awaitRedis(url, log))).toMatchObject({ data: { code: 'LSH_REDIS_UNSAFE' } });
    expect(warned).toEqual([]);
  });
});
