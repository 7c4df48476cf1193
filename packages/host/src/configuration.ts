/**
 * `longshore.yaml` and the environment as one checked value. The file is looked for at `$LONGSHORE_CONFIG`, else `./longshore.yaml`;
 * without one the defaults hold. The environment wins: `REDIS_URL`, `LONGSHORE_FLEET`, `LONGSHORE_METRICS`.
 */
import { existsSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import type { SpoolMount } from '@longshore/core';
import { BadConfiguration } from './errors.ts';
import { redisAddressOf } from './redis-settings.ts';
import type { Settings } from './settings.ts';
import { name, schema } from './settings.ts';
import { readSecret } from './targets.ts';
import { readOneYaml } from './yaml.ts';

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
  return readOneYaml(text, schema, (problem) => BadConfiguration({ file, problem }));
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
