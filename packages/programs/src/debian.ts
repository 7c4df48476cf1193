/**
 * Debian packages fetched and unpacked beside the system: nothing is installed, no service is started, no root is needed.
 * The libraries the packages name come along, and are found through LD_LIBRARY_PATH.
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { publishDirectory } from './cache.ts';
import { findOnPath, isExecutable, runCommand, runToSuccess } from './command.ts';
import type { Fetch, Source } from './program.ts';

const DOWNLOAD_TIMEOUT_MS = 300_000;

/** Packages that every Debian has; another copy of them would only do harm. */
const PRESENT = new Set(['libc6', 'libgcc-s1']);

/** Options for apt; `lists` of our own when the system's are empty or out of date and not ours to write. */
type AptOptions = readonly string[];

function privateApt(cache: string): AptOptions {
  const root = join(cache, 'apt');
  return [
    '-o',
    `Dir::State::lists=${join(root, 'lists')}`,
    '-o',
    `Dir::Cache=${join(root, 'cache')}`,
    '-o',
    `Dir::Cache::archives=${join(root, 'archives')}`,
  ];
}

/** Packages named to the person who waits for them. */
const NAMED = 12;

interface Wanted {
  packages: string[];
  bytes: number;
}

async function librariesOf(packages: readonly string[], apt: AptOptions, fetch: Fetch): Promise<string[]> {
  const depends = await runToSuccess('apt-cache', [...apt, 'depends', '--no-recommends', '--no-suggests', ...packages], {
    env: { ...fetch.env, LC_ALL: 'C' },
    timeoutMs: 60_000,
  });
  return [...depends.matchAll(/^\s+Depends: (lib[a-z0-9.+-]+)$/gm)].map((match) => match[1] ?? '').filter((name) => !PRESENT.has(name));
}

/** How far libraries of libraries are followed; a desktop's are through after six. */
const DEEPEST = 12;

/** The packages themselves and the libraries they depend on, `depth` deep, with the sum of their sizes. */
async function look(packages: readonly string[], deepest: number, apt: AptOptions, fetch: Fetch): Promise<Wanted> {
  const all = new Set(packages);
  let fresh = packages;
  for (let depth = 0; fresh.length > 0 && depth < deepest; depth += 1) {
    fresh = [...new Set(await librariesOf(fresh, apt, fetch))].filter((name) => !all.has(name));
    for (const name of fresh) all.add(name);
  }
  const wanted = [...all];
  const uris = await runToSuccess('apt-get', [...apt, 'download', '--print-uris', ...wanted], { env: fetch.env, timeoutMs: 60_000 });
  const sizes = [...uris.matchAll(/^'[^']+' \S+ (\d+)/gm)].map((match) => Number(match[1]));
  if (sizes.length === 0) throw new Error('apt knows no address for it');
  return { packages: wanted, bytes: sizes.reduce((sum, size) => sum + size, 0) };
}

async function download(packages: readonly string[], deepest: number, apt: AptOptions, into: string, fetch: Fetch): Promise<void> {
  const { packages: wanted, bytes } = await look(packages, deepest, apt, fetch);
  const named = wanted.length > NAMED ? `${wanted.slice(0, NAMED).join(', ')} and ${wanted.length - NAMED} more` : wanted.join(', ');
  fetch.say(`downloading the Debian packages ${named} (${(bytes / 1e6).toFixed(1)} MB), to be unpacked in ${fetch.cache}`);
  await rm(into, { recursive: true, force: true });
  await mkdir(into, { recursive: true });
  // apt checks every file against the signed lists. Root would hand over to the user _apt, who may not write here.
  await runToSuccess('apt-get', [...apt, '-o', 'APT::Sandbox::User=', 'download', '-q', ...wanted], {
    cwd: into,
    env: fetch.env,
    timeoutMs: DOWNLOAD_TIMEOUT_MS,
  });
}

async function downloadWithFreshLists(packages: readonly string[], deepest: number, into: string, fetch: Fetch): Promise<void> {
  try {
    await download(packages, deepest, [], into, fetch);
  } catch (first) {
    const apt = privateApt(fetch.cache);
    await mkdir(join(fetch.cache, 'apt', 'lists', 'partial'), { recursive: true });
    await mkdir(join(fetch.cache, 'apt', 'archives', 'partial'), { recursive: true });
    fetch.say(
      `fetching Debian's package lists (about 10 MB) because the system's did not do: ${first instanceof Error ? first.message : String(first)}`,
    );
    // One dead third-party repository gives a failure here although all we need has come: judged by the download.
    const update = await runCommand('apt-get', [...apt, '-o', 'APT::Sandbox::User=', 'update', '-q'], {
      env: fetch.env,
      timeoutMs: DOWNLOAD_TIMEOUT_MS,
    });
    try {
      await download(packages, deepest, apt, into, fetch);
    } catch (second) {
      const words = update.code === 0 ? '' : ` (apt-get update: ${update.stderr.trim().split('\n').at(-1) ?? ''})`;
      throw new Error(`${second instanceof Error ? second.message : String(second)}${words}`);
    }
  }
}

/** `lib/<architecture>` and `usr/lib/<architecture>` of an unpacked tree, and those of their folders that hold libraries too. */
async function libraryDirectories(root: string): Promise<string[]> {
  const found: string[] = [];
  const folders = async (parent: string): Promise<string[]> =>
    (await readdir(parent, { withFileTypes: true })).filter((entry) => entry.isDirectory()).map(({ name }) => name);
  for (const parent of [join(root, 'lib'), join(root, 'usr', 'lib')]) {
    if (!existsSync(parent)) continue;
    for (const architecture of (await folders(parent)).filter((name) => name.includes('-linux-'))) {
      const directory = join(parent, architecture);
      found.push(directory);
      for (const inner of await folders(directory)) {
        const holds = (await readdir(join(directory, inner))).some((name) => /^lib.*\.so(\.|$)/.test(name));
        if (holds) found.push(join(directory, inner));
      }
    }
  }
  return found;
}

interface Unpack {
  packages: readonly string[];
  /** The libraries of its libraries come along. */
  deep?: boolean;
  /** Nothing but the packages named. */
  alone?: boolean;
  /** A file they must hold, by its path inside the packages. */
  holds: string;
}

interface Unpacked {
  directory: string;
  version: string;
  /** Absolute paths of the plain files of a folder of it, links left out. */
  files(folder: string): Promise<string[]>;
}

/** The packages in the cache, under the name of the first; fetched when they are not there. */
export async function unpackDebian({ packages, deep = false, alone = false, holds }: Unpack, fetch: Fetch): Promise<Unpacked> {
  const directory = join(fetch.cache, 'programs', `${packages[0] ?? ''}-debian`);
  if (!existsSync(directory)) {
    if (fetch.offline) throw new Error('not fetched, LONGSHORE_NO_DOWNLOAD is set');
    if (findOnPath(['apt-get'], fetch.env) === undefined || findOnPath(['dpkg'], fetch.env) === undefined)
      throw new Error('there is no apt-get here');
    await publishDirectory(directory, async (temporary) => {
      const archives = join(temporary, 'archives');
      await downloadWithFreshLists(packages, alone ? 0 : deep ? DEEPEST : 1, archives, fetch);
      let version = '';
      for (const archive of await readdir(archives)) {
        if (!archive.endsWith('.deb')) continue;
        await runToSuccess('dpkg', ['-x', join(archives, archive), temporary], { env: fetch.env, timeoutMs: 60_000 });
        // `redis-server_5%3a7.0.15-1~deb12u10_amd64.deb`: name, version with its escaped epoch, architecture.
        const [name, number = ''] = archive.split('_');
        if (name === packages[0]) version = /\d+\.\d+\.\d+/.exec(decodeURIComponent(number))?.[0] ?? number;
      }
      await rm(archives, { recursive: true, force: true });
      await writeFile(join(temporary, 'VERSION'), version);
      if (!existsSync(join(temporary, holds))) throw new Error(`the packages hold no ${holds}`);
    });
  }
  return {
    directory,
    version: await readFile(join(directory, 'VERSION'), 'utf8'),
    files: async (folder) =>
      (await readdir(join(directory, folder), { withFileTypes: true }))
        .filter((entry) => entry.isFile())
        .map(({ name }) => join(directory, folder, name)),
  };
}

/** `program` is its path inside the packages, `usr/bin/redis-server`. `deep`: the libraries of its libraries come along. */
export function fromDebian(packages: readonly string[], program: string, { deep = false }: { deep?: boolean } = {}): Source {
  return {
    origin: 'debian',
    place: `the Debian package ${packages[0] ?? ''}`,
    async find(fetch) {
      const { directory, version } = await unpackDebian({ packages, deep, holds: program }, fetch);
      if (!isExecutable(join(directory, program))) throw new Error(`${join(directory, program)} cannot be run`);
      const libraries = await libraryDirectories(directory);
      const inherited = fetch.env.LD_LIBRARY_PATH;
      if (inherited) libraries.push(inherited);
      return {
        path: join(directory, program),
        packageVersion: version,
        env: libraries.length > 0 ? { LD_LIBRARY_PATH: libraries.join(':') } : {},
      };
    },
  };
}
