/**
 * The vtctld of Vitess 24, built from its Go module into the cache, on a real ZooKeeper as its topology:
 *
 *   LONGSHORE_VTCTLD=1 pnpm test test/conformance/vtctld.test.ts
 *
 * Building takes five minutes of one core and 4 GB of disk, so nothing does it unasked; `LONGSHORE_VTCTLD=/path` names one that is there. Needs
 * Go 1.26, and Java for the ZooKeeper. vtctld refuses to run as root: then it runs as `nobody`.
 */
import { existsSync } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { RunningServer } from '@longshore/programs';
import { cacheDirectory, findOnPath, freePort, runToSuccess, startServer } from '@longshore/programs';

const MODULE = 'vitess.io/vitess';
const VERSION = 'v0.24.0';
/** The module's checksum as in go.sum. */
const SUM = 'h1:1beFkQ3hbozQv0pmuicu1LL22szH7yVwZR/fofGiXxk=';
const BUILD_TIMEOUT_MS = 45 * 60_000;
const NOBODY = '65534';

async function build(path: string): Promise<void> {
  const go = findOnPath(['go'], process.env);
  if (go === undefined) throw new Error('LONGSHORE_VTCTLD=1 builds a vtctld, which needs Go 1.26 on the PATH');
  const folder = join(path, '..');
  await mkdir(folder, { recursive: true });
  console.info(`downloading ${MODULE} ${VERSION} through Go's module proxy, and building its vtctld (minutes)`);
  const downloaded: unknown = JSON.parse(
    await runToSuccess(go, ['mod', 'download', '-json', `${MODULE}@${VERSION}`], { cwd: folder, timeoutMs: 600_000 }),
  );
  const { Dir: source, Sum: sum } = downloaded as { Dir: string; Sum: string };
  if (sum !== SUM) throw new Error(`${MODULE} ${VERSION} has the checksum ${sum}, not ${SUM}`);
  const env = { ...process.env, GOFLAGS: '-buildvcs=false' };
  await runToSuccess(go, ['build', '-p', '1', '-o', `${path}.new`, './go/cmd/vtctld'], { cwd: source, env, timeoutMs: BUILD_TIMEOUT_MS });
  await rename(`${path}.new`, path);
}

/** Undefined when nobody asked for one. */
export async function vtctldProgram(): Promise<string | undefined> {
  const wanted = process.env.LONGSHORE_VTCTLD;
  if (!wanted) return undefined;
  if (wanted !== '1') return wanted;
  const path = join(cacheDirectory(), 'programs', `vtctld-${VERSION}`, 'vtctld');
  if (!existsSync(path)) await build(path);
  return path;
}

function listens(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect({ host: '127.0.0.1', port });
    const end = (answer: boolean): void => {
      socket.destroy();
      done(answer);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}

/** Its gRPC address is the server's `address`. */
export async function startRealVtctld(path: string, zooKeeper: string, dir: string): Promise<RunningServer> {
  const [grpc, http] = [await freePort(), await freePort()];
  const args = [
    ...['--topo-implementation', 'zk2', '--topo-global-server-address', zooKeeper, '--topo-global-root', '/vitess/global'],
    ...['--grpc-port', String(grpc), '--grpc-bind-address', '127.0.0.1', '--port', String(http), '--bind-address', '127.0.0.1'],
    ...['--service-map', 'grpc-vtctl,grpc-vtctld'],
  ];
  const asRoot = process.getuid?.() === 0;
  const as = ['--reuid', NOBODY, '--regid', NOBODY, '--clear-groups', path];
  return startServer({
    name: 'vtctld',
    path: asRoot ? (findOnPath(['setpriv'], process.env) ?? 'setpriv') : path,
    version: VERSION,
    env: {},
    args: asRoot ? [...as, ...args] : args,
    dir,
    address: `grpc://127.0.0.1:${grpc}`,
    answers: () => listens(grpc),
  });
}
