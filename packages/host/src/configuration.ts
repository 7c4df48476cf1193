/**
 * `longshore.yaml` and the environment as one checked value. The file is looked for at `$LONGSHORE_CONFIG`, else `./longshore.yaml`;
 * without one the defaults hold. The environment wins: `REDIS_URL`, `LONGSHORE_FLEET`.
 */
import { existsSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import type { Json, SpoolMount, Target } from '@longshore/core';
import { shownAddress } from '@longshore/fleet';
import type { Document } from 'yaml';
import { isMap, isNode, isScalar, LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { AddressNotAllowed, BadConfiguration, MissingSecret, UnknownTarget } from './errors.ts';

const name = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'a name is made of lower-case letters, digits, - and _');
const secret = z.string().regex(/^(env|file):.+/, 'a secret is given by reference: env:NAME or file:/path');
const json = z.custom<Json>((value) => value !== undefined);

/** What `longshore.yaml` holds, defaults filled in. */
export interface Settings {
  /** Separates fleets on one Redis. */
  fleet: string;
  redis: { url?: string | undefined };
  /** `host:port`, or `unix:/path`. */
  api: { listen: string };
  /** Whether a request may give a bare URL where a target is named. */
  allowAddresses: boolean;
  targets: Record<string, { system: string; address: string; settings: Record<string, Json>; secrets: Record<string, string> }>;
  /** Spools of this machine. */
  spools: Record<string, { path: string; quotaBytes?: number | undefined }>;
  worker: { concurrency: number; stopMs: number; lockMs: number };
  sweepMs: number;
}

const schema: z.ZodType<Settings> = z.strictObject({
  fleet: name.default('longshore'),
  redis: z.strictObject({ url: z.string().optional() }).prefault({}),
  api: z.strictObject({ listen: z.string().default('127.0.0.1:8750') }).prefault({}),
  allowAddresses: z.boolean().default(false),
  targets: z
    .record(
      name,
      z.strictObject({
        system: z.string(),
        address: z.url(),
        settings: z.record(z.string(), json).default({}),
        secrets: z.record(z.string(), secret).default({}),
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
  sweepMs: z.int().min(100).default(5_000),
});

export interface Configuration extends Settings {
  /** The file that was read. */
  file: string | undefined;
  redisUrl: string | undefined;
  host: string;
}

export function loadConfiguration(environment: NodeJS.ProcessEnv = process.env): Configuration {
  const file = resolve(environment.LONGSHORE_CONFIG ?? 'longshore.yaml');
  const there = existsSync(file);
  if (!there && environment.LONGSHORE_CONFIG !== undefined) throw BadConfiguration({ file, problem: 'the file is not there' });
  const settings = there ? parseConfiguration(file, readFileSync(file, 'utf8')) : schema.parse({});
  const fleet = environment.LONGSHORE_FLEET;
  if (fleet) {
    const checked = name.safeParse(fleet);
    if (!checked.success) throw BadConfiguration({ file: 'LONGSHORE_FLEET', problem: `"${fleet}": ${checked.error.issues[0]!.message}` });
    settings.fleet = fleet;
  }
  return { ...settings, file: there ? file : undefined, redisUrl: environment.REDIS_URL ?? settings.redis.url, host: hostname() };
}

/** Throws `LSH_CONFIG_INVALID` with line and column. */
export function parseConfiguration(file: string, text: string): Settings {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const at = (offset: number | undefined): string => {
    if (offset === undefined) return '';
    const { line, col } = lines.linePos(offset);
    return `line ${line}, column ${col}: `;
  };
  const broken = document.errors[0];
  if (broken) throw BadConfiguration({ file, problem: at(broken.pos[0]) + broken.message.split('\n')[0] });
  const parsed = schema.safeParse(document.toJS() ?? {});
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const path = issue.path.map(String);
  let key: string | undefined;
  let what = issue.message;
  if (issue.code === 'unrecognized_keys') {
    key = issue.keys[0]!;
    path.push(key);
    what = 'there is no such setting';
  } else if (issue.code === 'invalid_key') {
    key = path.at(-1);
    what = issue.issues[0]?.message ?? what;
  }
  const offset = key === undefined ? offsetOf(document, path) : (keyOffset(document, path) ?? offsetOf(document, path));
  throw BadConfiguration({ file, problem: `${at(offset)}${path.join('.') || 'the file'}: ${what}` });
}

/** Where a value stands, or the nearest thing around it that is there. */
function offsetOf(document: Document.Parsed, path: readonly string[]): number | undefined {
  for (let depth = path.length; depth >= 0; depth -= 1) {
    const node = document.getIn(path.slice(0, depth), true);
    if (isNode(node)) return node.range?.[0];
  }
  return undefined;
}

/** Where the key at the end of a path stands: it is the key that is wrong there, not its value. */
function keyOffset(document: Document.Parsed, path: readonly string[]): number | undefined {
  const map = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  if (!isMap(map)) return undefined;
  const pair = map.items.find(({ key }) => isScalar(key) && String(key.value) === path.at(-1));
  return isNode(pair?.key) ? pair.key.range?.[0] : undefined;
}

/** Turns a name, or an address where those are allowed, into a target with its secrets read. */
export function targetResolver(
  configuration: Configuration,
  environment: NodeJS.ProcessEnv = process.env,
): (name: string, system: string) => Target {
  return (wanted, system) => {
    if (/^[a-z]+:\/\//i.test(wanted)) {
      if (!configuration.allowAddresses) throw AddressNotAllowed({ address: shownAddress(wanted) });
      return { name: shownAddress(wanted), system, address: wanted, settings: {}, secrets: {} };
    }
    const found = Object.hasOwn(configuration.targets, wanted) ? configuration.targets[wanted] : undefined;
    if (!found || found.system !== system) {
      const known = Object.entries(configuration.targets).filter(([, target]) => target.system === system);
      throw UnknownTarget({ name: wanted, system, known: known.map(([other]) => other) });
    }
    const secrets = Object.fromEntries(Object.entries(found.secrets).map(([key, reference]) => [key, readSecret(reference, environment)]));
    return { name: wanted, system, address: found.address, settings: found.settings, secrets };
  };
}

function readSecret(reference: string, environment: NodeJS.ProcessEnv): string {
  const [, where, what] = /^(env|file):(.+)$/.exec(reference)!;
  if (where === 'env') {
    const value = environment[what!];
    if (value === undefined) throw MissingSecret({ reference, why: 'the variable is not set' });
    return value;
  }
  try {
    return readFileSync(what!, 'utf8').trim();
  } catch (error) {
    throw MissingSecret({ reference, why: (error as Error).message }, { cause: error });
  }
}

/** Spools given as `name=/path` on the command line, on top of the configured ones. */
export function spoolMounts(configuration: Configuration, given: readonly string[] = []): Map<string, SpoolMount> {
  const mounts = new Map<string, SpoolMount>();
  for (const [spool, { path, quotaBytes }] of Object.entries(configuration.spools))
    mounts.set(spool, { name: spool, path: resolve(path), ...(quotaBytes === undefined ? {} : { quotaBytes }) });
  for (const one of given) {
    const at = one.indexOf('=');
    const spool = one.slice(0, at);
    if (at < 1 || at === one.length - 1 || !name.safeParse(spool).success)
      throw BadConfiguration({ file: `--spool ${one}`, problem: 'a spool is given as name=/path' });
    mounts.set(spool, { name: spool, path: resolve(one.slice(at + 1)) });
  }
  return mounts;
}
