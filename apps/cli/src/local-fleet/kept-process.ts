/** One process of the local fleet: started again when it ends by itself, ever later, and given up when it will not stay. */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { closeSync, fstatSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Log } from '@longshore/core';
import { WORKER_ENVIRONMENT, WORKER_FLAGS } from '@longshore/host';
import { processId } from '@longshore/programs';
import type { ChildRecord } from './home.ts';
import { turnLog } from './home.ts';

export interface KeptProcessSpec {
  name: string;
  /** Its main module. */
  main: string;
  environment: NodeJS.ProcessEnv;
  cwd: string;
  logFile: string;
  log: Log;
  onChange(): void;
}

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 15_000;
/** A process that lived so long was well; its earlier deaths are forgotten. */
const SETTLED_MS = 60_000;
/** Deaths in a row, each soon after the start, after which it is left alone. */
const MAX_DEATHS = 10;
/** Beyond the time it was given to stop. */
const KILL_AFTER_MS = 10_000;

const END_WITH_PARENT = fileURLToPath(new URL('./end-with-parent.ts', import.meta.url));

export class KeptProcess {
  readonly #spec: KeptProcessSpec;
  #child: ChildProcess | undefined;
  #record: ChildRecord;
  #deaths = 0;
  #timer: NodeJS.Timeout | undefined;
  #stopping = false;
  /** How long its log was when it was first started, in bytes: what stands before that are words of earlier fleets. */
  #logStart: number | undefined;
  readonly #firstReady = Promise.withResolvers<void>();

  constructor(spec: KeptProcessSpec) {
    this.#spec = spec;
    this.#record = { name: spec.name, pid: 0, startTicks: 0, state: 'starting', restarts: 0 };
    // Whoever does not wait for it shall not be told by a crash.
    this.#firstReady.promise.catch(() => undefined);
  }

  get name(): string {
    return this.#spec.name;
  }
  get record(): ChildRecord {
    return this.#record;
  }

  /** Resolves when the process first says that it is ready; rejects when it ends before that. */
  async start(): Promise<void> {
    await this.#spawn();
    return this.#firstReady.promise;
  }

  async #spawn(): Promise<void> {
    const { name, main, environment, cwd, logFile, log } = this.#spec;
    await turnLog(logFile);
    if (this.#stopping) return;
    const fd = openSync(logFile, 'a', 0o600);
    this.#logStart ??= fstatSync(fd).size;
    const child = spawn(process.execPath, [...WORKER_FLAGS, '--import', END_WITH_PARENT, main], {
      cwd,
      env: { ...WORKER_ENVIRONMENT, ...environment },
      stdio: ['ignore', fd, fd, 'ipc'],
      // A session of its own: a terminal's Ctrl+C reaches the supervisor alone, which stops the others in order.
      detached: true,
    });
    closeSync(fd);
    this.#child = child;
    const startedAt = Date.now();
    child.on('message', (message) => {
      if (typeof message !== 'object' || message === null || !('ready' in message)) return;
      this.#become('ready');
      this.#firstReady.resolve();
    });
    child.once('error', (error) => {
      log.error({ process: name, message: error.message }, 'a process could not be started');
      // One that never began has no end either.
      if (child.pid === undefined) this.#ended(error.message, 0);
    });
    child.once('exit', (code, signal) => this.#ended(code === null ? `signal ${signal}` : `exit code ${code}`, Date.now() - startedAt));
    if (child.pid !== undefined) this.#record = { ...this.#record, ...processId(child.pid) };
    this.#become('starting');
  }

  #ended(how: string, livedMs: number): void {
    this.#child = undefined;
    if (this.#stopping) {
      this.#become('stopped');
      return;
    }
    const { name, log } = this.#spec;
    this.#firstReady.reject(new Error(`${name} ended with ${how}`));
    if (livedMs >= SETTLED_MS) this.#deaths = 0;
    this.#deaths += 1;
    if (this.#deaths >= MAX_DEATHS) {
      log.error({ process: name, how, deaths: this.#deaths }, 'a process dies again and again and is not started any more; see its log');
      this.#become('gave-up');
      return;
    }
    const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (this.#deaths - 1));
    log.warn({ process: name, how, livedMs, pauseMs }, 'a process ended by itself and is started again');
    this.#become('waiting');
    this.#timer = setTimeout(() => {
      this.#record = { ...this.#record, restarts: this.#record.restarts + 1 };
      this.#spawn().catch((error: unknown) => log.error({ err: error, process: name }, 'a process could not be started again'));
    }, pauseMs);
  }

  #become(state: ChildRecord['state']): void {
    this.#record = { ...this.#record, state };
    this.#spec.onChange();
  }

  /** Asks it to stop, and ends it when it has not done so in time. */
  async stop(deadlineMs: number): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#timer);
    const child = this.#child;
    if (!child) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGTERM');
    const kill = setTimeout(() => child.kill('SIGKILL'), deadlineMs + KILL_AFTER_MS);
    await ended;
    clearTimeout(kill);
  }

  /** The last words in its log that are meant for people, since it was started; what an earlier process of this name wrote is not among them. */
  async lastWords(): Promise<string> {
    const log = await readFile(this.#spec.logFile);
    const start = this.#logStart ?? 0;
    const own = log.subarray(start <= log.length ? start : 0); // shorter: the log was turned in between
    const lines = own.toString('utf8').trimEnd().split('\n');
    const plain = lines.filter((line) => line !== '' && !line.startsWith('{') && !/^\s+at /.test(line)).slice(-3);
    return plain.join(' ').trim() || (lines.at(-1) ?? '');
  }
}
