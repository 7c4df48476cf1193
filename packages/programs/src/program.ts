/** A program to be run, and the walk along the places where it may be found. */

import { cacheDirectory, type Environment } from './cache.ts';
import { findOnPath, isExecutable, runToSuccess } from './command.ts';
import { ProgramMissing } from './errors.ts';

/**
 * Where a program came from: an environment variable, the PATH, a Debian package unpacked in the cache, a Python wheel likewise.
 */
export type Origin = 'env' | 'path' | 'debian' | 'wheel';

export interface Program {
  name: string;
  /** Absolute. */
  path: string;
  /** As it says itself, else as its package is numbered, `7.0.15`; `unknown` when neither says. */
  version: string;
  /** What must be added to the environment to run it. */
  env: Record<string, string>;
  origin: Origin;
}

export interface FindOptions {
  /** Takes one line for people: what is being downloaded and how large it is. */
  say?: (line: string) => void;
  env?: Environment;
  /** Where fetched programs are kept; `cacheDirectory(env)` when absent. */
  cache?: string;
}

export interface Fetch {
  say: (line: string) => void;
  env: Environment;
  cache: string;
  /** Nothing may be downloaded; what lies in the cache may be used. */
  offline: boolean;
}

export interface Found {
  path: string;
  env: Record<string, string>;
  /** Number of the package, for programs that do not tell theirs (Debian's VictoriaMetrics prints an empty one). */
  packageVersion?: string;
}

/** One place to look. `undefined`: not there. A thrown error: it could not be got there, and why. */
export interface Source {
  origin: Origin;
  /** For the sentence that says what was tried. */
  place: string;
  find(fetch: Fetch): Promise<Found | undefined>;
}

export interface ProgramSpec {
  name: string;
  versionFlag: string;
  sources: Source[];
  remedy: string;
}

/** Proves that the program runs here, which an unpacked one may not. */
async function versionOf(found: Found, flag: string, env: Environment): Promise<string> {
  const printed = await runToSuccess(found.path, [flag], { env: { ...env, ...found.env }, timeoutMs: 20_000 });
  return /\d+\.\d+\.\d+/.exec(printed)?.[0] ?? found.packageVersion ?? 'unknown';
}

/** Unless `LONGSHORE_NO_DOWNLOAD` is set to anything but 0. */
export function downloadsAllowed(env: Environment = process.env): boolean {
  return ['', '0'].includes(env.LONGSHORE_NO_DOWNLOAD ?? '');
}

/** Walks the sources in order; the first that gives a program which runs is taken. */
export async function findProgram(spec: ProgramSpec, options: FindOptions): Promise<Program> {
  const env = options.env ?? process.env;
  const fetch: Fetch = {
    say: options.say ?? (() => {}),
    env,
    cache: options.cache ?? cacheDirectory(env),
    offline: !downloadsAllowed(env),
  };
  const tried: string[] = [];
  for (const source of spec.sources) {
    try {
      const found = await source.find(fetch);
      if (found === undefined) {
        tried.push(`${source.place}: not there`);
        continue;
      }
      const version = await versionOf(found, spec.versionFlag, env);
      return { name: spec.name, path: found.path, version, env: found.env, origin: source.origin };
    } catch (error) {
      tried.push(`${source.place}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw ProgramMissing({ program: spec.name, tried, remedy: spec.remedy });
}

export function fromVariable(variable: string): Source {
  return {
    origin: 'env',
    place: variable,
    async find({ env }) {
      const path = env[variable];
      if (!path) return undefined;
      if (!isExecutable(path)) throw new Error(`${path} is not a program that can be run`);
      return { path, env: {} };
    },
  };
}

export function fromPath(names: readonly string[]): Source {
  return {
    origin: 'path',
    place: `${names.join(', ')} on the PATH`,
    async find({ env }) {
      const path = findOnPath(names, env);
      return path === undefined ? undefined : { path, env: {} };
    },
  };
}
