/**
 * Builds the VictoriaMetrics and vmctl the project is measured against, from their Go module, into the cache:
 *
 *   node test/servers/build-victoria-metrics.ts
 *
 * Prints the path to be given as VICTORIA_METRICS_BIN. Needs Go 1.26 or newer and, for some minutes, 3 GB of disk. The module's own
 * list of versions cannot be read from the public module proxy, so `go install …@version` fails; an exact version can be downloaded.
 */
import { existsSync } from 'node:fs';
import { chmod, cp, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheDirectory, findOnPath, publishDirectory, runCommand, runToSuccess } from '@longshore/programs';

const MODULE = 'github.com/VictoriaMetrics/VictoriaMetrics';
const VERSION = 'v1.147.0';
/** The module's checksum as in go.sum. */
const SUM = 'h1:ccHYSK8SELQhjme0VGEL6C0BcSyjgifKw3Ea2sTwlZc=';
const PROGRAMS = ['victoria-metrics', 'vmctl'];
const BUILD_TIMEOUT_MS = 30 * 60_000;

/** Where the built programs are, or would be. */
export function builtVictoriaMetrics(): string {
  return join(cacheDirectory(), 'programs', `victoria-metrics-${VERSION}`, 'victoria-metrics');
}

async function makeWritable(directory: string): Promise<void> {
  await chmod(directory, 0o755);
  for (const entry of await readdir(directory, { withFileTypes: true }))
    if (entry.isDirectory()) await makeWritable(join(directory, entry.name));
}

async function build(go: string, say: (line: string) => void): Promise<void> {
  const work = join(cacheDirectory(), 'build', `victoria-metrics-${VERSION}`);
  await mkdir(work, { recursive: true });
  const env = { ...process.env, GOMODCACHE: join(work, 'modules'), GOCACHE: join(work, 'objects'), GOFLAGS: '-mod=mod' };
  say(`downloading ${MODULE} ${VERSION} through Go's module proxy`);
  const downloaded: unknown = JSON.parse(
    await runToSuccess(go, ['mod', 'download', '-json', `${MODULE}@${VERSION}`], { cwd: work, env, timeoutMs: 600_000 }),
  );
  const { Dir: directory, Sum: sum } = downloaded as { Dir: string; Sum: string };
  if (sum !== SUM) throw new Error(`${MODULE} ${VERSION} has the checksum ${sum}, not ${SUM}`);

  // The module cache is read-only, and `-mod=mod` may write go.sum.
  const source = join(work, 'source');
  await rm(source, { recursive: true, force: true });
  await cp(directory, source, { recursive: true });
  await makeWritable(source);
  await chmod(join(source, 'go.mod'), 0o644);
  await chmod(join(source, 'go.sum'), 0o644);

  await publishDirectory(join(builtVictoriaMetrics(), '..'), async (temporary) => {
    for (const program of PROGRAMS) {
      say(`building ${program} (minutes)`);
      const flags = ['-trimpath', '-ldflags', `-s -w -X ${MODULE}/lib/buildinfo.Version=${program}-${VERSION}-from-gomod`];
      const startedAt = Date.now();
      await runToSuccess(go, ['build', ...flags, '-o', join(temporary, program), `./app/${program}`], {
        cwd: source,
        env,
        timeoutMs: BUILD_TIMEOUT_MS,
      });
      say(`built ${program} in ${((Date.now() - startedAt) / 1000).toFixed(0)} s`);
    }
  });
  await rm(source, { recursive: true, force: true });
  await runToSuccess(go, ['clean', '-modcache', '-cache'], { cwd: work, env, timeoutMs: 300_000 });
  await rm(work, { recursive: true, force: true });
}

if (import.meta.main) {
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const path = builtVictoriaMetrics();
  if (!existsSync(path)) {
    const go = findOnPath(['go']);
    if (go === undefined) {
      say('Go is not installed here; it is needed to build VictoriaMetrics.');
      process.exit(1);
    }
    await build(go, say);
  }
  const { stdout, stderr } = await runCommand(path, ['-version'], { timeoutMs: 20_000 });
  say((stdout + stderr).trim());
  process.stdout.write(`${path}\n`);
}
