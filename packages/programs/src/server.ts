/**
 * Servers started from a program: in a session of their own (a terminal's Ctrl+C does not reach them), with a log and a record in
 * their directory, ready when they answer, stopped by their recorded pid.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { renameSync, writeFileSync } from 'node:fs';
import { link, mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { errorCode } from './cache.ts';
import { ProgramDidNotStart } from './errors.ts';
import { isAlive, type ProcessId, processId } from './pid.ts';

const READY_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 20_000;
const KILL_TIMEOUT_MS = 10_000;
const POLL_MS = 40;
const LOG_LINES_IN_ERROR = 6;

/** What `<name>.json` in a server's directory says. */
export interface ServerRecord extends ProcessId {
  name: string;
  version: string;
  /** `redis://127.0.0.1:6379`, `http://127.0.0.1:8428`; for a Unix socket its path. */
  address: string;
  startedAt: number;
  /** It has answered. Written down before that too, so that a server whose starter dies meanwhile is not forgotten. */
  ready: boolean;
}

export interface RunningServer extends AsyncDisposable {
  readonly name: string;
  readonly pid: number;
  readonly version: string;
  readonly address: string;
  readonly logFile: string;
  /** SIGTERM, then SIGKILL after `deadlineMs` (20 s). Resolves when the process is gone; again is harmless. */
  stop(deadlineMs?: number): Promise<void>;
}

export interface ServerSpec {
  name: string;
  path: string;
  version: string;
  env: Record<string, string>;
  args: readonly string[];
  /** Data, log and record. Made with mode 700 when missing. */
  dir: string;
  address: string;
  /** Asked again and again until it is true; false while it starts. */
  answers(): Promise<boolean>;
  /** It outlives this process. Otherwise it is told to end when this process exits; one killed by a signal it does not handle tells nobody. */
  detached?: boolean;
  readyTimeoutMs?: number;
}

const recordFile = (dir: string, name: string): string => join(dir, `${name}.json`);

/** The server of that name recorded in `dir`, if it still runs; `ready` says whether it has answered. */
export async function runningServer(dir: string, name: string): Promise<ServerRecord | undefined> {
  const text = await readIfThere(recordFile(dir, name));
  if (text === undefined) return undefined;
  const record = JSON.parse(text) as ServerRecord;
  return isAlive(record) ? record : undefined;
}

/** Ends a process and waits until it is gone: SIGTERM, and SIGKILL at the deadline. True when it went without the latter. */
export async function endProcess(target: ProcessId, deadlineMs: number = STOP_TIMEOUT_MS): Promise<boolean> {
  for (const [signal, patienceMs] of [
    ['SIGTERM', deadlineMs],
    ['SIGKILL', KILL_TIMEOUT_MS],
  ] as const) {
    if (isAlive(target)) process.kill(target.pid, signal);
    const until = Date.now() + patienceMs;
    while (isAlive(target) && Date.now() < until) await wait(POLL_MS);
    if (!isAlive(target)) return signal === 'SIGTERM';
  }
  throw new Error(`process ${target.pid} did not end, not even by SIGKILL`);
}

/** Stops what `runningServer` found. True when it ended by itself on SIGTERM. */
export async function stopServer(dir: string, record: ServerRecord, deadlineMs?: number): Promise<boolean> {
  const byItself = await endProcess(record, deadlineMs);
  await rm(recordFile(dir, record.name), { force: true });
  return byItself;
}

/** A port on the loopback that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('the system gave no port');
  return address.port;
}

/** The file with its text at once, so that nobody ever reads half of it. False when it is there already. */
async function createFile(file: string, text: string): Promise<boolean> {
  const temporary = `${file}.${process.pid}-${randomBytes(4).toString('hex')}`;
  await writeFile(temporary, text);
  try {
    await link(temporary, file);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** So that two processes starting the same server in the same directory at once do not both open its data. */
async function claim(spec: ServerSpec, logFile: string): Promise<AsyncDisposable> {
  const refuse = (reason: string): Error => ProgramDidNotStart({ program: spec.name, path: spec.path, reason, logFile, log: [] });
  const file = join(spec.dir, `${spec.name}.starting`);
  while (!(await createFile(file, JSON.stringify(processId(process.pid))))) {
    const text = await readIfThere(file);
    if (text !== undefined && isAlive(JSON.parse(text) as ProcessId)) throw refuse(`another process is starting one in ${spec.dir}`);
    await rm(file, { force: true });
  }
  const release = { [Symbol.asyncDispose]: () => rm(file, { force: true }) };
  const running = await runningServer(spec.dir, spec.name);
  if (running === undefined) return release;
  await release[Symbol.asyncDispose]();
  throw refuse(`one runs in ${spec.dir} already, as process ${running.pid}`);
}

async function lastLines(file: string, from: number): Promise<string[]> {
  const text = (await readFile(file)).subarray(from).toString('utf8');
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(-LOG_LINES_IN_ERROR);
}

/** At once, without giving way: between the birth of a process and its record nothing else may happen here. */
function writeRecord(file: string, record: ServerRecord): void {
  writeFileSync(`${file}.new`, JSON.stringify(record));
  renameSync(`${file}.new`, file);
}

const attached = new Set<ProcessId>();

function endAttached(): void {
  for (const target of attached) if (isAlive(target)) process.kill(target.pid, 'SIGTERM');
}

/** Starts the server and waits until it answers. Throws `LSH_PROGRAM_START` with the end of its log when it does not. */
export async function startServer(spec: ServerSpec): Promise<RunningServer> {
  await mkdir(spec.dir, { recursive: true, mode: 0o700 });
  const logFile = join(spec.dir, `${spec.name}.log`);
  await using _claim = await claim(spec, logFile);
  const log = await open(logFile, 'a');
  const logStart = (await log.stat()).size;
  const child = spawn(spec.path, spec.args, {
    cwd: spec.dir,
    env: { ...process.env, ...spec.env },
    stdio: ['ignore', log.fd, log.fd],
    detached: true,
  });
  const file = recordFile(spec.dir, spec.name);
  if (child.pid === undefined) {
    const [error] = (await once(child, 'error')) as [Error];
    await log.close();
    throw ProgramDidNotStart({ program: spec.name, path: spec.path, reason: error.message, logFile, log: [] });
  }
  const id = processId(child.pid);
  const record = { ...id, name: spec.name, version: spec.version, address: spec.address, startedAt: Date.now() } satisfies Omit<
    ServerRecord,
    'ready'
  >;
  writeRecord(file, { ...record, ready: false });
  let ended: string | undefined;
  child.on('exit', (code, signal) => {
    ended = code === null ? `it was ended by ${signal ?? 'a signal'}` : `it ended with exit code ${code}`;
  });
  child.unref();
  await log.close();

  const timeoutMs = spec.readyTimeoutMs ?? READY_TIMEOUT_MS;
  const until = Date.now() + timeoutMs;
  while (!(await spec.answers()) || ended !== undefined || !isAlive(id)) {
    if (ended === undefined && Date.now() < until) {
      await wait(POLL_MS);
      continue;
    }
    const reason = ended ?? `it did not answer at ${spec.address} within ${timeoutMs / 1000} s`;
    await endProcess(id);
    await rm(file, { force: true });
    throw ProgramDidNotStart({ program: spec.name, path: spec.path, reason, logFile, log: await lastLines(logFile, logStart) });
  }

  writeRecord(file, { ...record, ready: true });
  if (!spec.detached) {
    if (attached.size === 0) process.on('exit', endAttached);
    attached.add(id);
  }
  const stop = async (deadlineMs?: number): Promise<void> => {
    await stopServer(spec.dir, { ...record, ready: true }, deadlineMs);
    attached.delete(id);
    if (attached.size === 0) process.off('exit', endAttached);
  };
  return { name: spec.name, pid: id.pid, version: spec.version, address: spec.address, logFile, stop, [Symbol.asyncDispose]: () => stop() };
}
