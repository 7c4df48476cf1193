/**
 * TLS for the API: a certificate with its key, from files that may be renewed while it runs; with `clientCa`, only machines that show a
 * certificate of that authority are let in.
 */
import { readFileSync, statSync } from 'node:fs';
import type { Server } from 'node:https';
import { createServer } from 'node:https';
import { createSecureContext } from 'node:tls';
import type { Log } from '@longshore/core';
import type { Settings } from '@longshore/host';
import type { FastifyServerFactory } from 'fastify';
import { BadCertificate } from './errors.ts';

export type TlsFiles = NonNullable<Settings['api']['tls']>;

interface Material {
  cert: Buffer;
  key: Buffer;
  ca?: Buffer;
}

/** How often the files are looked at. */
const LOOK_MS = 60_000;

/** Read and checked: a key that does not belong to its certificate is found here. Throws `LSH_API_CERTIFICATE`. */
export function readTls(files: TlsFiles): Material {
  const read = (file: string): Buffer => {
    try {
      return readFileSync(file);
    } catch (error) {
      throw BadCertificate({ file, why: (error as Error).message }, { cause: error });
    }
  };
  const material: Material = {
    cert: read(files.cert),
    key: read(files.key),
    ...(files.clientCa === undefined ? {} : { ca: read(files.clientCa) }),
  };
  try {
    createSecureContext(material);
  } catch (error) {
    throw BadCertificate({ file: `${files.cert} with ${files.key}`, why: (error as Error).message }, { cause: error });
  }
  return material;
}

/** A server that speaks TLS 1.2 and later. New files are taken up within a minute; broken ones are told and the old ones kept. */
export function tlsServer(files: TlsFiles, log: Log, lookMs: number = LOOK_MS): FastifyServerFactory {
  return (handler) => {
    const material = readTls(files);
    const asked = files.clientCa === undefined ? {} : { requestCert: true, rejectUnauthorized: true };
    const server = createServer({ ...material, ...asked, minVersion: 'TLSv1.2' }, handler);
    const stop = renew(server, files, log, lookMs);
    server.once('close', stop);
    return server;
  };
}

function renew(server: Server, files: TlsFiles, log: Log, lookMs: number): () => void {
  const stamp = (): string => [files.cert, files.key, files.clientCa].map((file) => (file ? statSync(file).mtimeMs : 0)).join();
  let seen = stamp();
  const look = (): void => {
    try {
      const now = stamp();
      if (now === seen) return;
      server.setSecureContext(readTls(files));
      seen = now;
      log.info({ cert: files.cert }, 'the certificate was renewed');
    } catch (error) {
      log.error({ err: error }, 'the new certificate cannot be used; the old one is kept');
    }
  };
  const timer = setInterval(look, lookMs);
  timer.unref();
  return () => clearInterval(timer);
}
