import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Configuration } from '../src/index.ts';
import { loadConfiguration, parseConfiguration, spoolMounts, targetResolver } from '../src/index.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'longshore-host-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function file(name: string, text: string): string {
  const path = join(dir, name);
  writeFileSync(path, text);
  return path;
}
function configuration(text: string, environment: NodeJS.ProcessEnv = {}): Configuration {
  return loadConfiguration({ LONGSHORE_CONFIG: file('longshore.yaml', text), ...environment });
}
function thrown(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

describe('what is wrong is told with its line and column', () => {
  test.each([
    [
      'a value of the wrong type',
      'fleet: ok\nworker:\n  concurrency: many\n',
      'line 3, column 16: worker.concurrency must be a number, not a text',
    ],
    ['a number out of bounds', 'worker: { lockMs: 10 }\n', 'line 1, column 19: worker.lockMs must be at least 1000'],
    ['a key that does not exist', 'fleet: ok\nwoker:\n  concurrency: 2\n', 'line 2, column 1: woker: there is no such setting'],
    [
      'a nested key that does not exist',
      'worker:\n  concurrency: 2\n  concurency: 3\n',
      'line 3, column 3: worker.concurency: there is no such setting',
    ],
    ['a name that is none', 'fleet: Größe\n', 'line 1, column 8: fleet: a name is made of lower-case letters, digits, - and _'],
    [
      'a target with a bad name',
      'targets:\n  VM:\n    system: x\n    address: http://x\n',
      'line 2, column 3: targets.VM: a name is made of',
    ],
    ['a target without an address', 'targets:\n  vm:\n    system: victoriametrics\n', 'line 3, column 5: targets.vm.address is missing'],
    ['an address that is none', 'targets:\n  vm:\n    system: x\n    address: here\n', 'line 4, column 14: targets.vm.address: '],
    [
      'a secret that is not a reference',
      'targets:\n  vm:\n    system: x\n    address: http://x\n    secrets:\n      token: hunter2\n',
      'line 6, column 14: targets.vm.secrets.token: a secret is given by reference: env:NAME or file:/path',
    ],
    ['something that is no mapping', '- a\n- b\n', 'line 1, column 1: the file must be an object, not a list'],
    ['broken YAML', 'fleet: "open\nworker:\n', 'line '],
    ['a key given twice', 'fleet: a\nfleet: b\n', 'line 2, column 1: '],
  ])('%s', (_, text, problem) => {
    const error = thrown(() => parseConfiguration('longshore.yaml', text));
    expect(error).toMatchObject({ data: { code: 'LSH_CONFIG_INVALID', exitCode: 2, retryable: false } });
    expect(String((error as Error).message)).toContain(`longshore.yaml: ${problem}`);
    expect(String((error as Error).message)).not.toContain('\n');
    expect(String((error as Error).message)).not.toContain('hunter2');
  });
});

describe('the configuration', () => {
  test('has defaults for everything', () => {
    expect(parseConfiguration('f', '')).toEqual({
      fleet: 'longshore',
      guards: { acceptLossyRedis: false },
      operations: { retention: { days: 90, count: 10_000 } },
      redis: {},
      api: { listen: '127.0.0.1:8750', requestsPerSecond: 100, streams: 200 },
      metrics: {},
      allowAddresses: false,
      targets: {},
      spools: {},
      worker: { concurrency: 2, stopMs: 30_000, lockMs: expect.any(Number) },
      sweepMs: 5_000,
    });
    expect(parseConfiguration('f', '# nothing but a comment\n').fleet).toBe('longshore');
  });

  test('is read from the file that the environment names, which must be there', () => {
    expect(configuration('fleet: mine\n')).toMatchObject({ fleet: 'mine', file: join(dir, 'longshore.yaml') });
    expect(thrown(() => loadConfiguration({ LONGSHORE_CONFIG: join(dir, 'none.yaml') }))).toMatchObject({
      data: { code: 'LSH_CONFIG_INVALID', message: `${join(dir, 'none.yaml')}: the file is not there` },
    });
  });

  test('the environment wins', () => {
    const text = 'fleet: mine\nredis:\n  url: redis://from-file\n';
    expect(configuration(text)).toMatchObject({ fleet: 'mine', redisUrl: 'redis://from-file' });
    const environment = { REDIS_URL: 'redis://from-environment', LONGSHORE_FLEET: 'other' };
    expect(configuration(text, environment)).toMatchObject({ fleet: 'other', redisUrl: 'redis://from-environment' });
    expect(thrown(() => configuration(text, { LONGSHORE_FLEET: 'Not A Name' }))).toMatchObject({
      data: { code: 'LSH_CONFIG_INVALID', message: expect.stringContaining('LONGSHORE_FLEET') },
    });
  });
});

describe('a target', () => {
  const text = (secret: string): string =>
    `targets:
  vm:
    system: victoriametrics
    address: http://127.0.0.1:8428
    settings: { cluster: true, list: [1] }
    secrets: { password: "${secret}" }
  otsdb:
    system: opentsdb
    address: http://127.0.0.1:4242
`;

  test('is found by name and system, with its settings and secrets', () => {
    const resolveTarget = targetResolver(configuration(text('env:VM_PASSWORD')), { VM_PASSWORD: 'hunter2' });
    expect(resolveTarget('vm', 'victoriametrics')).toEqual({
      name: 'vm',
      system: 'victoriametrics',
      address: 'http://127.0.0.1:8428',
      settings: { cluster: true, list: [1] },
      secrets: { password: 'hunter2' },
    });
    expect(resolveTarget('otsdb', 'opentsdb')).toMatchObject({ settings: {}, secrets: {} });
  });

  test('may have its secret in a file, whose last line break does not count', () => {
    const secret = file('secret', 'hunter2\n');
    const { secrets } = targetResolver(configuration(text(`file:${secret}`)))('vm', 'victoriametrics');
    expect(secrets).toEqual({ password: 'hunter2' });
  });

  test.each([
    ['env:NOT_SET', 'the secret env:NOT_SET cannot be read: the variable is not set'],
    ['file:/nowhere/at/all', 'the secret file:/nowhere/at/all cannot be read: '],
  ])('whose secret %s is missing is refused by name', (reference, message) => {
    const resolveTarget = targetResolver(configuration(text(reference)), {});
    expect(thrown(() => resolveTarget('vm', 'victoriametrics'))).toMatchObject({
      data: { code: 'LSH_SECRET_MISSING', exitCode: 2, message: expect.stringContaining(message) },
    });
    // The others do not suffer from it.
    expect(resolveTarget('otsdb', 'opentsdb').name).toBe('otsdb');
  });

  test.each(['nobody', 'otsdb', '__proto__', 'constructor', 'toString'])('called %s is unknown among its system', (name) => {
    const resolveTarget = targetResolver(configuration(text('env:X')), { X: 'x' });
    expect(thrown(() => resolveTarget(name, 'victoriametrics'))).toMatchObject({
      data: { code: 'LSH_TARGET_UNKNOWN', message: `there is no victoriametrics called "${name}" in the configuration; there are vm` },
    });
  });

  test('may be a bare address only where that is allowed, and never shows its password', () => {
    const address = 'http://user:hunter2@10.0.0.1:4242/base';
    const refused = thrown(() => targetResolver(configuration('fleet: a\n'))(address, 'opentsdb'));
    expect(refused).toMatchObject({ data: { code: 'LSH_TARGET_ADDRESS' } });
    expect((refused as Error).message).not.toContain('hunter2');
    const found = targetResolver(configuration('allowAddresses: true\n'))(address, 'opentsdb');
    expect(found).toMatchObject({ name: 'http://10.0.0.1:4242/base', system: 'opentsdb', settings: {} });
    expect(found.name).not.toContain('hunter2');
  });
});

describe('spools', () => {
  test('are those configured and those given, paths made absolute, the given ones winning', () => {
    const found = configuration('spools:\n  a: { path: spool/a, quotaBytes: 5 }\n  b: { path: /b }\n');
    expect([...spoolMounts(found, ['b=/other', 'c=c', 'd=/with=sign']).values()]).toEqual([
      { name: 'a', path: resolve('spool/a'), quotaBytes: 5 },
      { name: 'b', path: '/other' },
      { name: 'c', path: resolve('c') },
      { name: 'd', path: '/with=sign' },
    ]);
  });

  test.each(['nothing', '=/x', 'Bad Name=/x', 'a='])('given as "%s" are refused', (given) => {
    expect(thrown(() => spoolMounts(configuration(''), [given]))).toMatchObject({
      data: { code: 'LSH_CONFIG_INVALID', message: `--spool ${given}: a spool is given as name=/path` },
    });
  });
});
