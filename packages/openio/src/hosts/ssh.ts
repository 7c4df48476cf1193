/**
 * Files on another machine, over ssh with its own `sqlite3`. What is run there is one of the commands below, with paths that are made of
 * letters, digits and `_ . / : -` only; SQL goes in by standard input. Host keys are checked and nothing is asked for.
 */
import { execFile } from 'node:child_process';
import { HostFailed } from '../errors.ts';
import { baseOfFile } from '../names.ts';
import type { BaseOnDisk, Host, OpenBy } from './host.ts';

const PATH = /^\/[\w./:-]+$/;
const DESTINATION = /^[A-Za-z0-9_][\w.@-]*$/;
const PEERS = /^[\w.:,-]+$/;
const CONNECT_SECONDS = 10;
/** A connection that has died is given up after three of these. */
const ALIVE_SECONDS = 10;
/** What looks at a whole file, or at all of them, takes its time. */
const LONG_MS = 600_000;
/** Everything else is given up sooner: a container may be frozen meanwhile. */
const COMMAND_MS = 30_000;
const ANSWER_BYTES = 256 << 20;
const LOCK_WAIT_MS = 5_000;

export interface SshOptions {
  /** The ssh program; for tests. */
  program?: string;
  port?: number;
}

export class SshHost implements Host {
  readonly name: string;
  readonly #options: SshOptions;

  constructor(destination: string, options: SshOptions = {}) {
    if (!DESTINATION.test(destination)) throw HostFailed({ host: destination, what: 'log in', problem: 'this is no name of a host' });
    this.name = destination;
    this.#options = options;
  }

  async bases(volume: string): Promise<BaseOnDisk[]> {
    const text = await this.#run('list the bases', `find ${quoted(volume)} -mindepth 2 -maxdepth 2 -name '*.meta2' -printf '%s %f\\n'`, {
      timeoutMs: LONG_MS,
    });
    return lines(text).flatMap((line) => {
      const [bytes = '', file = ''] = line.split(' ');
      const base = baseOfFile(file);
      return base === undefined ? [] : [{ base, bytes: Number(bytes) }];
    });
  }

  async exists(path: string): Promise<boolean> {
    return (await this.#run('look for a file', `if test -e ${quoted(path)}; then echo yes; else echo no; fi`)).trim() === 'yes';
  }

  async openBy(path: string): Promise<OpenBy> {
    const command = [
      `f=$(realpath -- ${quoted(path)}) || exit 1`,
      `LC_ALL=C find /proc/[0-9]*/fd -maxdepth 1 -lname "$f" -printf 'open %p\\n' 2>&1 || true`,
    ].join('\n');
    const pids = new Set<number>();
    const hidden = new Set<number>();
    for (const line of lines(await this.#run('see who has a file open', command))) {
      const pid = Number(/\/proc\/(\d+)\/fd/.exec(line)?.[1]);
      if (line.startsWith('open ')) pids.add(pid);
      else if (/permission denied/i.test(line) && Number.isSafeInteger(pid)) hidden.add(pid);
    }
    if (hidden.size === 0 || pids.size > 0) return { pids: [...pids] };
    // A process whose files may not be seen matters where it could be a meta2 by its command line.
    const doubtful = await this.#run(
      'see what a process is',
      `for p in ${[...hidden].join(' ')}; do if grep -qa meta2 "/proc/$p/cmdline" 2>/dev/null; then echo "$p"; fi; done`,
    );
    const [first] = lines(doubtful);
    return first === undefined ? { pids: [] } : { unknown: `the open files of process ${first} may not be read` };
  }

  async quickCheck(path: string): Promise<string> {
    return lines(await this.#sql('check a file', path, 'PRAGMA quick_check;', true, LONG_MS)).join('; ');
  }

  async admin(path: string): Promise<Record<string, string>> {
    const text = await this.#sql('read a file', path, "SELECT hex(k) || ' ' || hex(v) FROM admin;", true);
    return Object.fromEntries(
      lines(text).map((line) => {
        const [key = '', value = ''] = line.split(' ').map((part) => Buffer.from(part, 'hex').toString());
        return [key, value];
      }),
    );
  }

  async backup(path: string, to: string): Promise<string> {
    const directory = to.slice(0, to.lastIndexOf('/'));
    await this.#run('make a directory', `mkdir -p -m 0700 ${quoted(directory)} && rm -f ${quoted(to)}`);
    if (to.includes("'")) throw HostFailed({ host: this.name, what: 'back up a file', problem: 'the path cannot be used' });
    await this.#sql('back up a file', path, `VACUUM INTO '${to}';`, true, LONG_MS);
    return this.sha256(to);
  }

  async sha256(path: string): Promise<string> {
    return (await this.#run('take a checksum', `sha256sum -- ${quoted(path)}`, { timeoutMs: LONG_MS })).split(' ')[0]!.trim();
  }

  async editPeers(path: string, before: string, after: string): Promise<number> {
    for (const peers of [before, after])
      if (!PEERS.test(peers)) throw HostFailed({ host: this.name, what: 'set the peers', problem: `${peers} is no list of services` });
    const sql = [
      `.timeout ${LOCK_WAIT_MS}`,
      'BEGIN EXCLUSIVE;',
      `UPDATE admin SET v = CAST('${after}' AS BLOB) WHERE k = 'sys.peers' AND CAST(v AS TEXT) = '${before}';`,
      'SELECT changes();',
      'COMMIT;',
    ].join('\n');
    return Number((await this.#sql('set the peers', path, sql, false)).trim());
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #sql(what: string, path: string, sql: string, readOnly: boolean, timeoutMs?: number): Promise<string> {
    const command = `sqlite3 -batch -bail ${readOnly ? '-readonly ' : ''}${quoted(path)}`;
    return this.#run(what, command, { input: `${sql}\n`, ...(timeoutMs === undefined ? {} : { timeoutMs }) });
  }

  #run(
    what: string,
    command: string,
    { input = '', timeoutMs = COMMAND_MS }: { input?: string; timeoutMs?: number } = {},
  ): Promise<string> {
    const { program = 'ssh', port } = this.#options;
    const options = [
      'BatchMode=yes',
      'StrictHostKeyChecking=yes',
      `ConnectTimeout=${CONNECT_SECONDS}`,
      `ServerAliveInterval=${ALIVE_SECONDS}`,
    ].flatMap((option) => ['-o', option]);
    const args = [...options, ...(port === undefined ? [] : ['-p', String(port)]), '-T', '--', this.name, command];
    return new Promise((resolve, reject) => {
      const child = execFile(program, args, { timeout: timeoutMs, maxBuffer: ANSWER_BYTES }, (error, stdout, stderr) => {
        if (error) reject(HostFailed({ host: this.name, what, problem: problemOf(error, stderr, timeoutMs) }, { cause: error }));
        else resolve(stdout);
      });
      child.stdin?.on('error', () => undefined); // it has ended; its exit says why
      child.stdin?.end(input);
    });
  }
}

function problemOf(error: { killed?: boolean | undefined; message: string }, stderr: string, timeoutMs: number): string {
  if (error.killed === true) return `no answer within ${timeoutMs / 1000} s`;
  return stderr.trim().split('\n').at(-1) || error.message;
}

function lines(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}

/** For the remote shell; whatever could mean something to it is refused, so that the quotes are a second fence. */
function quoted(path: string): string {
  if (!PATH.test(path))
    throw HostFailed({ host: 'a host', what: 'use a path', problem: `${path} holds other characters than letters, digits and _ . / : -` });
  return `'${path}'`;
}
