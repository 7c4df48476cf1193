/** Runs one command at a server and keeps what it says, in the words of the original: a line before, the log, a line after. */
import type { TaskContext } from '@longshore/core';
import type { CommandFailed, VtctlClient, VtworkerClient } from '../client/commands.ts';
import { CommandFailed as Failed } from '../client/commands.ts';
import { logLine, ownLine } from '../client/log-event.ts';

/** Kept of one command's output; of a longer one the beginning and the end. */
const KEPT_CHARS = 256 * 1024;
/** Lines of one command that also go into the operation's log, which keeps a bounded number. */
const LOGGED_LINES = 200;

export interface CommandEnd {
  output: string;
  failed?: CommandFailed;
}

type Context = Pick<TaskContext<unknown>, 'clock' | 'event' | 'progress' | 'signal'>;

/** `endpoint`: the address as it was given, which is what people look for. */
export async function runCommand(
  context: Context,
  server: VtctlClient | VtworkerClient,
  endpoint: string,
  args: string[],
): Promise<CommandEnd> {
  const { clock, event, progress, signal } = context;
  const command = `[${args.join(' ')}] server: ${endpoint}`;
  const kept = new KeptText();
  kept.add(ownLine(clock.now(), `Executing remote ${server.program} command: ${command}`));
  let failed: CommandFailed | undefined;
  let lines = 0;
  try {
    for await (const line of server.run(args)) {
      kept.add(logLine(line));
      lines += 1;
      progress(lines, undefined, 'lines');
      const text = line.value.trim();
      if (lines <= LOGGED_LINES && text !== '') await event('log', `${args[0]}: ${text}`);
    }
  } catch (error) {
    if (!(error instanceof Failed) || signal.aborted) throw error;
    failed = error;
  }
  kept.add(ownLine(clock.now(), `Executed remote ${server.program} command: ${command} err: ${failed?.shown ?? '<nil>'}`));
  return { output: kept.text, ...(failed ? { failed } : {}) };
}

class KeptText {
  #head = '';
  #tail = '';
  #cut = false;

  add(line: string): void {
    if (!this.#cut && this.#head.length + line.length <= KEPT_CHARS / 2) {
      this.#head += line;
      return;
    }
    this.#cut = true;
    this.#tail += line;
    if (this.#tail.length > KEPT_CHARS) this.#tail = this.#tail.slice(-KEPT_CHARS / 2);
  }

  get text(): string {
    if (this.#tail.length <= KEPT_CHARS / 2) return this.#head + this.#tail;
    return `${this.#head}[… lines left out here …]\n${this.#tail.slice(-KEPT_CHARS / 2)}`;
  }
}
