/** The shape of `longshore.yaml`, with defaults; also as a JSON Schema, for editors. */
import type { Json } from '@longshore/core';
import { z } from 'zod';
import type { RedisSettings } from './redis-settings.ts';
import { redisSchema } from './redis-settings.ts';

export const name: z.ZodString = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'a name is made of lower-case letters, digits, - and _');
const secret = z.string().regex(/^(env|file):.+/, 'a secret is given by reference: env:NAME or file:/path');
const json = z.custom<Json>((value) => value !== undefined);

/** What `longshore.yaml` holds, defaults filled in. */
export interface Settings {
  /** Separates fleets on one Redis. */
  fleet: string;
  redis: RedisSettings;
  api: {
    /** `host:port`, or `unix:/path`. */
    listen: string;
    /** Whether callers need a token. Absent: on the loopback and on sockets none, elsewhere one. */
    auth?: 'none' | 'tokens' | undefined;
    /** A Unix socket to listen on as well; whoever may open it is an admin. */
    socket?: string | undefined;
    /** Files of a certificate and its key, as PEM; with `clientCa` only callers with a certificate of that authority are let in. */
    tls?: { cert: string; key: string; clientCa?: string | undefined } | undefined;
    /** Where the automation of Vitess up to version 7 is served as well, over gRPC; absent: nowhere. */
    automation?: string | undefined;
    /** Requests a second of one caller, in the long run. */
    requestsPerSecond: number;
    /** Event streams open at once. */
    streams: number;
  };
  /** Where workers and schedulers show their metrics; absent: nowhere. */
  metrics: { listen?: string | undefined };
  /** Whether a request may give a bare URL where a target is named. */
  allowAddresses: boolean;
  targets: Record<
    string,
    { system: string; address: string; settings: Record<string, Json>; secrets: Record<string, string>; maxTasks?: number | undefined }
  >;
  /** Spools of this machine. */
  spools: Record<string, { path: string; quotaBytes?: number | undefined }>;
  worker: { concurrency: number; stopMs: number; lockMs: number };
  sweepMs: number;
  operations: {
    /** Operations that run at once; the others wait in order. Absent: any number. */
    atOnce?: number | undefined;
    /** How long those that are over are kept, and how many at most. */
    retention: { days: number; count: number };
    /** An approval must come from somebody else than the operation's owner. Absent: where the API asks for tokens. */
    fourEyes?: boolean | undefined;
  };
  /** Kinds that open guards run on a Redis that may lose its last writes, too. */
  guards: { acceptLossyRedis: boolean };
}

export const schema: z.ZodType<Settings> = z.strictObject({
  fleet: name.default('longshore'),
  redis: redisSchema(secret).prefault({}),
  api: z
    .strictObject({
      listen: z.string().default('127.0.0.1:8750').describe('host:port, or unix:/path'),
      auth: z
        .enum(['none', 'tokens'])
        .optional()
        .describe(
          'Whether callers need a token; absent: on the loopback and on sockets none, elsewhere one. Off the loopback `none` is refused',
        ),
      socket: z
        .string()
        .regex(/^\//, 'must be an absolute path')
        .optional()
        .describe('A Unix socket to listen on as well; whoever may open it is an admin, and can make the first token'),
      tls: z
        .strictObject({
          cert: z.string().describe('PEM file with the certificate, and those between it and its authority'),
          key: z.string().describe('PEM file with its key'),
          clientCa: z.string().optional().describe('PEM file of an authority: only callers with a certificate of it are let in'),
        })
        .optional()
        .describe('TLS on host:port; sockets never have it. Renewed files are taken up within a minute'),
      automation: z
        .string()
        .optional()
        .describe('Where automation_client of Vitess up to version 7 is answered, over gRPC: host:port of the loopback; absent: nowhere'),
      requestsPerSecond: z.number().positive().default(100).describe('Requests a second of one caller, in the long run'),
      streams: z.int().positive().default(200).describe('Event streams open at once'),
    })
    .prefault({}),
  metrics: z
    .strictObject({
      listen: z
        .string()
        .regex(/^(\[[^\]]+\]|[^:[\]]+):\d{1,5}$/, 'must be host:port')
        .optional()
        .describe('host:port where workers and schedulers show their metrics; port 0 takes a free one; absent: nowhere'),
    })
    .prefault({}),
  allowAddresses: z.boolean().default(false),
  targets: z
    .record(
      name,
      z.strictObject({
        system: z.string(),
        // Of any scheme, also with several hosts: what it must look like is known to its system.
        address: z.string().regex(/^[a-z][a-z0-9+.-]*:\/\/[^\s/]\S*$/i, 'must be an address such as http://host:4242'),
        settings: z.record(z.string(), json).default({}),
        secrets: z.record(z.string(), secret).default({}),
        maxTasks: z.int().positive().optional().describe('Tasks that may work on this target at once; absent: any number'),
      }),
    )
    .default({}),
  spools: z.record(name, z.strictObject({ path: z.string(), quotaBytes: z.int().positive().optional() })).default({}),
  worker: z
    .strictObject({
      concurrency: z.int().min(1).max(64).default(2),
      stopMs: z.int().min(0).default(30_000),
      lockMs: z.int().min(1_000).default(15_000),
    })
    .prefault({}),
  sweepMs: z.int().min(100).default(5_000).describe('How often every live operation is looked at, in ms'),
  operations: z
    .strictObject({
      atOnce: z.int().positive().optional().describe('Operations that run at once; the others wait in the order of their submission'),
      retention: z
        .strictObject({
          days: z.number().positive().default(90).describe('Days that operations which are over are kept'),
          count: z.int().positive().default(10_000).describe('Operations that are kept at most'),
        })
        .prefault({}),
      fourEyes: z
        .boolean()
        .optional()
        .describe('An approval must come from somebody else than the owner of the operation; absent: where the API asks for tokens'),
    })
    .prefault({}),
  guards: z
    .strictObject({
      acceptLossyRedis: z.boolean().default(false).describe('Kinds that open guards run on a Redis that may lose its last writes'),
    })
    .prefault({}),
});

/** For `# yaml-language-server: $schema=…`: what an editor needs to complete and check the file. */
export function settingsJsonSchema(): object {
  return { title: 'longshore.yaml', ...z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) };
}
