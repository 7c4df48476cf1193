/**
 * `longshore.yaml` and the environment as one checked value. The file is looked for at `$LONGSHORE_CONFIG`, else `./longshore.yaml`;
 * without one the defaults hold. The environment wins: `REDIS_URL`, `LONGSHORE_FLEET`, `LONGSHORE_METRICS`.
 */
import { existsSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import type { SpoolMount } from '@longshore/core';
import type { Document } from 'yaml';
import { isMap, isNode, isScalar, LineCounter, parseDocument } from 'yaml';
import { BadConfiguration } from './errors.ts';
import { redisAddressOf } from './redis-settings.ts';
import type { Settings } from './settings.ts';
import { name, schema } from './settings.ts';
import { readSecret } from './targets.ts';

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
  // Processes of one machine read one file, and cannot share a port.
  if (environment.LONGSHORE_METRICS) settings.metrics.listen = environment.LONGSHORE_METRICS;
  const redisUrl = environment.REDIS_URL ?? redisAddressOf(settings.redis, (reference) => readSecret(reference, environment));
  return { ...settings, file: there ? file : undefined, redisUrl, host: hostname() };
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
