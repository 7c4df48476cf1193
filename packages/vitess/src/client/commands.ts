/**
 * The commands of Vitess up to version 7: vtctl's at vtctld, and vtworker's. Each is one call that streams the command's log and ends with its
 * error. The words around a failure are those of the original's client, since they become the error of a task.
 */

import { status } from '@grpc/grpc-js';
import type { Target, TargetSystem } from '@longshore/core';
import type { Program } from '../model.ts';
import type { ConnectionDeps } from './connection.ts';
import { Connection } from './connection.ts';
import type { LogEvent } from './messages.ts';
import type { Method } from './protocol.ts';
import { VTCTL, VTWORKER } from './protocol.ts';
import { goStatus, isServiceError, isUnanswered } from './status.ts';

/** How a command failed. */
export class CommandFailed extends Error {
  /** As the end line of its output has it; Go prints a wrapped error of vtworker's with the wrapping below it. */
  readonly shown: string;
  /** The server did not say what became of it: the command may go on. */
  readonly unanswered: boolean;
  constructor(message: string, shown: string, unanswered: boolean, cause: unknown) {
    super(message, { cause });
    this.name = 'CommandFailed';
    this.shown = shown;
    this.unanswered = unanswered;
  }
}

/** How long a command may take; the original's own limit. */
export const COMMAND_MS = 3_600_000;
/** Beyond the command's own limit, for its last words. */
const GRACE_MS = 10_000;

abstract class CommandServer implements AsyncDisposable {
  abstract readonly program: Program;
  protected readonly connection: Connection;

  constructor(target: Target, deps: ConnectionDeps) {
    this.connection = new Connection(target, deps);
  }

  /** `host:port`. */
  get address(): string {
    return this.connection.address;
  }

  /** Its log as it comes. Throws `CommandFailed`. */
  async *run(args: readonly string[], timeoutMs: number = COMMAND_MS): AsyncGenerator<LogEvent> {
    const { method, request } = this.call(args, timeoutMs);
    let begun = false;
    try {
      for await (const { event } of this.connection.stream<{ event: LogEvent | null }>(method, request, timeoutMs + GRACE_MS)) {
        begun = true;
        if (event) yield event;
      }
    } catch (error) {
      if (!isServiceError(error)) throw error;
      throw this.#failure(error, begun);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.connection[Symbol.asyncDispose]();
  }

  protected abstract call(args: readonly string[], timeoutMs: number): { method: Method; request: object };

  #failure(error: Error & { code: number; details: string }, begun: boolean): CommandFailed {
    const text = goStatus(error);
    const wrapped = (around: string): CommandFailed =>
      new CommandFailed(`${around}: ${text}`, `${around}: ${text}`, isUnanswered(error), error);
    if (!begun && error.code === status.UNAVAILABLE && !isBusy(error.details)) return wrapped('cannot execute remote command');
    if (this.program === 'vtctl') return wrapped('remote error');
    return new CommandFailed(`stream error: ${text}`, `${text}\nstream error`, isUnanswered(error) && !isBusy(error.details), error);
  }
}

/** vtworker answers with the same code when it is at work on something else; nothing was begun then. */
function isBusy(details: string): boolean {
  return /worker job (is already in progress|was recently stopped)/.test(details);
}

export class VtctlClient extends CommandServer {
  readonly program = 'vtctl';
  protected call(args: readonly string[], timeoutMs: number): { method: Method; request: object } {
    return { method: VTCTL.ExecuteVtctlCommand!, request: { args, action_timeout: String(timeoutMs * 1_000_000) } };
  }
}

export class VtworkerClient extends CommandServer {
  readonly program = 'vtworker';
  protected call(args: readonly string[]): { method: Method; request: object } {
    return { method: VTWORKER.ExecuteVtworkerCommand!, request: { args } };
  }
}

export const vtctl: TargetSystem<VtctlClient> = { system: 'vitess', connect: (target, deps) => new VtctlClient(target, deps) };
export const vtworker: TargetSystem<VtworkerClient> = { system: 'vitess', connect: (target, deps) => new VtworkerClient(target, deps) };
