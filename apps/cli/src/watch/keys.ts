/** What Ctrl+C means while watching. The work goes on whatever happens to the watching. */
import type { Client } from '../client.ts';
import { tellError } from '../exit.ts';

export const LEFT = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
type Signal = keyof typeof LEFT;

export interface Keys extends Disposable {
  /** Aborted when the watching is to end; the reason is the signal. */
  readonly left: AbortSignal;
  /** The operation was drained or cancelled from here. */
  readonly endedIt: boolean;
  readonly hint: string;
}

const OWNED_HINT = 'Ctrl+C tells how to stop; a closed terminal stops nothing.';
const IN_PROCESS_HINT = 'Ctrl+C tells how to stop; the fleet ends with this command.';

/** `termIsKey`: SIGTERM counts as Ctrl+C. `owned`: this command started the operation, so its Ctrl+C acts on it; otherwise it only ends the watching. */
export function listenForKeys(client: Client, id: string, owned: boolean, say: (line: string) => void, termIsKey = false): Keys {
  const leaving = new AbortController();
  let presses = 0;
  let ended = false;
  const act = (action: 'drain' | 'cancel', done: string): void => {
    client.act(id, action).then(
      () => {
        ended = true;
        say(done);
      },
      (error: unknown) => say(tellError(error).text.trimEnd()),
    );
  };
  const leave = (signal: Signal): void => leaving.abort(signal);
  const interrupted = (): void => {
    presses += 1;
    if (!owned || presses > 3) leave('SIGINT');
    else if (presses === 1)
      say(
        `${id} goes on. Ctrl+C again: no new work is begun, what is ready is finished. A third time: it is cancelled. ` +
          (client.ownsFleet
            ? 'Ended otherwise, it goes on with the next command in this directory.'
            : `To leave it running, close the terminal; \`longshore watch ${id}\` watches it again.`),
      );
    else if (presses === 2) act('drain', `${id}: no new work is begun, what is ready is finished. Ctrl+C once more cancels it.`);
    else act('cancel', `${id} is being cancelled: running steps stop, its folders are put away. Ctrl+C once more only leaves.`);
  };
  const terminated = (): void => (termIsKey ? interrupted() : leave('SIGTERM'));
  const hungUp = (): void => leave('SIGHUP');
  process.on('SIGINT', interrupted);
  process.on('SIGTERM', terminated);
  process.on('SIGHUP', hungUp);
  return {
    left: leaving.signal,
    get endedIt() {
      return ended;
    },
    get hint() {
      if (!owned) return 'Ctrl+C ends the watching, not the work.';
      return presses === 0
        ? client.ownsFleet
          ? IN_PROCESS_HINT
          : OWNED_HINT
        : `Ctrl+C ${['again: finish what is ready', 'once more: cancel', 'once more: leave'][Math.min(presses, 3) - 1]}`;
    },
    [Symbol.dispose]() {
      process.off('SIGINT', interrupted);
      process.off('SIGTERM', terminated);
      process.off('SIGHUP', hungUp);
    },
  };
}
