import { expect, test } from 'vitest';
import { checkRedis, shownAddress } from '../src/index.ts';
import type { Answers } from './resp-server.ts';
import { respServer } from './resp-server.ts';

const SAFE = { 'maxmemory-policy': 'noeviction', appendonly: 'yes' };

async function check(answers: Answers): Promise<unknown> {
  const server = await respServer(answers);
  try {
    return await checkRedis(server.url);
  } catch (error) {
    expect(String((error as Error).message)).not.toContain('hunter2');
    return error;
  } finally {
    await server.close();
  }
}

test.each(['6.2.0', '7.0.15', '8.4.1'])('a Redis %s with safe settings is taken', async (version) => {
  expect(await check({ version, settings: SAFE })).toBe(version);
});

test.each(['5.0.14', '6.0.20', '6.1.9'])('a Redis %s is too old', async (version) => {
  expect(await check({ version, settings: SAFE })).toMatchObject({ data: { code: 'LSH_REDIS_VERSION', exitCode: 4 } });
});

test.each([
  ['maxmemory-policy', 'allkeys-lru', 'noeviction'],
  ['appendonly', 'no', 'yes'],
])('%s %s is refused with the command that mends it', async (setting, value, wanted) => {
  expect(await check({ version: '7.0.0', settings: { ...SAFE, [setting]: value } })).toMatchObject({
    data: { code: 'LSH_REDIS_UNSAFE', exitCode: 4, fix: expect.stringContaining(`redis-cli CONFIG SET ${setting} ${wanted}`) },
  });
});

test.each(["ERR unknown command 'CONFIG'", "NOPERM this user has no permissions to run the 'config' command"])(
  'a managed server that says "%s" is taken as it is',
  async (configError) => {
    expect(await check({ version: '7.0.0', settings: {}, configError })).toBe('7.0.0');
  },
);

test('one that is not there is said to be unreachable, with the cause and without the password', async () => {
  const server = await respServer({ version: '7.0.0', settings: SAFE });
  await server.close();
  const { host } = new URL(server.url);
  await expect(checkRedis(server.url)).rejects.toMatchObject({
    data: { code: 'LSH_REDIS_UNREACHABLE', exitCode: 5, retryable: true, message: expect.stringMatching(/ECONNREFUSED/) },
  });
  await expect(checkRedis(server.url)).rejects.toThrow(`Redis at redis://${host} cannot be reached`);
});

test.each([
  ['redis://user:p%40ss@h:1/2', 'redis://h:1/2'],
  ['rediss://:secret@h', 'rediss://h'],
  ['redis://h:1', 'redis://h:1'],
  ['unix:/run/redis.sock', 'unix:/run/redis.sock'],
  ['redis://user:a@b@h:1', 'redis://h:1'],
  ['redis://user:a/b@h:1', 'redis://h:1'],
  ['http://h/path@x', 'http://h/path@x'],
])('%s is shown as %s', (url, shown) => {
  expect(shownAddress(url)).toBe(shown);
});
