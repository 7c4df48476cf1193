/** TLS with real certificates, made by the machine's openssl. */
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import type { Log } from '@longshore/core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listen } from '../src/listen.ts';
import { readTls, tlsServer } from '../src/tls.ts';
import { makeApi } from './fixture.ts';

const openssl = spawnSync('openssl', ['version']).status === 0;
const reason = openssl ? '' : ' (NOT TESTED: there is no openssl on this machine to make certificates with)';
const refused = expect.objectContaining({ code: 'LSH_API_CERTIFICATE' });

describe.skipIf(!openssl)(`the API over TLS${reason}`, () => {
  let dir: string;
  const file = (name: string): string => join(dir, name);
  const make = (name: string): void => {
    const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=DNS:localhost'];
    execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-days',
        '2',
        ...subject,
        '-keyout',
        file(`${name}.key`),
        '-out',
        file(`${name}.pem`),
      ],
      { stdio: 'ignore' },
    );
  };
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'longshore-tls-'));
    for (const name of ['first', 'second', 'person']) make(name);
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  const serve = async (tls: ReturnType<typeof tlsServer>): Promise<{ port: number; close(): Promise<void> }> => {
    const { server } = makeApi({ tls });
    await listen(server, '127.0.0.1:0');
    return { port: (server.server.address() as AddressInfo).port, close: async () => void (await server.close()) };
  };
  const ask = (port: number, options: object): Promise<{ status: number; hsts: unknown }> =>
    new Promise((resolve, reject) => {
      const request = get({ host: '127.0.0.1', port, path: '/healthz', servername: 'localhost', agent: false, ...options }, (reply) => {
        reply.resume().once('end', () =>
          resolve({
            status: reply.statusCode ?? 0,
            hsts: reply.headers['strict-transport-security'],
          }),
        );
      });
      request.once('error', reject);
    });
  const nameShown = (port: number): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, servername: 'localhost', rejectUnauthorized: false }, () => {
        resolve(String(socket.getPeerCertificate().subject.CN));
        socket.destroy();
      });
      socket.once('error', reject);
    });
  const log = (told: (text: string) => void): Log => {
    const say = (_: object, text: string): void => told(text);
    return { debug: say, info: say, warn: say, error: say };
  };

  test('answers those who trust its certificate, and browsers are told not to come without', async () => {
    const api = await serve(
      tlsServer(
        { cert: file('first.pem'), key: file('first.key') },
        log(() => undefined),
      ),
    );
    expect(await ask(api.port, { ca: readFileSync(file('first.pem')) })).toMatchObject({ status: 200, hsts: 'max-age=31536000' });
    await expect(ask(api.port, {})).rejects.toThrow(/self-signed/);
    await api.close();
  });

  test('with an authority for callers, lets in only those with a certificate of it', async () => {
    const files = { cert: file('first.pem'), key: file('first.key'), clientCa: file('person.pem') };
    const api = await serve(
      tlsServer(
        files,
        log(() => undefined),
      ),
    );
    const ca = readFileSync(file('first.pem'));
    const mine = { ca, cert: readFileSync(file('person.pem')), key: readFileSync(file('person.key')) };
    expect((await ask(api.port, mine)).status).toBe(200);
    await expect(ask(api.port, { ca })).rejects.toThrow();
    const foreign = { ca, cert: readFileSync(file('second.pem')), key: readFileSync(file('second.key')) };
    await expect(ask(api.port, foreign)).rejects.toThrow();
    await api.close();
  });

  test('takes up a renewed certificate while it runs, and keeps the old one where the new one cannot be used', async () => {
    const files = { cert: file('live.pem'), key: file('live.key') };
    const put = (name: string): void => {
      copyFileSync(file(`${name}.key`), files.key);
      copyFileSync(file(`${name}.pem`), files.cert);
    };
    put('first');
    const waiting: (() => void)[] = [];
    const told: string[] = [];
    const next = async (text: RegExp): Promise<void> => {
      while (!text.test(told.join('\n'))) await new Promise<void>((resolve) => waiting.push(resolve));
      told.length = 0;
    };
    const tls = tlsServer(
      files,
      log((text) => {
        told.push(text);
        for (const resolve of waiting.splice(0)) resolve();
      }),
      20,
    );
    const api = await serve(tls);
    expect(await nameShown(api.port)).toBe('first');
    writeFileSync(files.cert, 'no certificate');
    await next(/the old one is kept/);
    expect(await nameShown(api.port)).toBe('first');
    put('second');
    await next(/renewed/);
    expect(await nameShown(api.port)).toBe('second');
    await api.close();
  });

  test('is refused by name when the files are not there, or do not belong together', () => {
    expect(() => readTls({ cert: file('none.pem'), key: file('first.key') })).toThrow(refused);
    expect(() => readTls({ cert: file('first.pem'), key: file('second.key') })).toThrow(refused);
    expect(() => readTls({ cert: file('first.key'), key: file('first.key') })).toThrow(refused);
  });
});
