/** Runs a short command to its end and looks programs up on the PATH. */
import { spawn } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, resolve } from 'node:path';
import type { Environment } from './cache.ts';

/** What a command may write before it is cut off; what we call writes a few kilobytes. */
const MAX_OUTPUT = 8 * 1024 * 1024;

export interface Finished {
  code: number;
  stdout: string;
  stderr: string;
}

export interface CommandOptions {
  cwd?: string;
  env?: Environment;
  timeoutMs: number;
}

/** Resolves with the exit code whatever it is. Rejects when the command cannot be started, is killed, or takes too long. */
export function runCommand(command: string, args: readonly string[], options: CommandOptions): Promise<Finished> {
  return new Promise((done, fail) => {
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: options.timeoutMs,
      killSignal: 'SIGKILL',
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.env === undefined ? {} : { env: { ...options.env } }),
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (stdout.length < MAX_OUTPUT) stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      if (stderr.length < MAX_OUTPUT) stderr += text;
    });
    child.on('error', fail);
    child.on('close', (code, signal) => {
      if (code !== null) done({ code, stdout, stderr });
      else fail(new Error(`${command} was ended by ${signal ?? 'a signal'} (it may take ${options.timeoutMs} ms at most)`));
    });
  });
}

/** As `runCommand`, but an exit code other than 0 is an error that carries the command's last words. */
export async function runToSuccess(command: string, args: readonly string[], options: CommandOptions): Promise<string> {
  const { code, stdout, stderr } = await runCommand(command, args, options);
  if (code === 0) return stdout;
  const words = (stderr.trim() || stdout.trim()).split('\n').slice(-3).join(' ');
  throw new Error(`${command} ${args[0] ?? ''} ended with ${code}: ${words}`);
}

/** True for a file that this user may run. */
export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false; // not there, or not ours to run: either way not a program
  }
}

/** The first of `names` in the directories of PATH, names before directories. */
export function findOnPath(names: readonly string[], env: Environment = process.env): string | undefined {
  const directories = (env.PATH ?? '').split(delimiter).filter((directory) => directory !== '');
  for (const name of names) {
    for (const directory of directories) {
      const path = resolve(directory, name);
      if (isExecutable(path)) return path;
    }
  }
  return undefined;
}
