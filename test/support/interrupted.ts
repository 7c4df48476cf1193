/** A long run that is interrupted ends what it has started: on a signal nothing of it is left but what it says. */
import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const SIGNALS = [
  ['SIGHUP', 129],
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const;

const folders: Set<string> = new Set();

/** Signals end the process by way of its `exit` event, where fleets and servers are ended; the scratch folders go when those have. */
export function exitOnSignals(): void {
  const removeAll = (): void => {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  for (const [signal, code] of SIGNALS)
    process.on(signal, () => {
      process.on('exit', removeAll);
      process.exit(code);
    });
}

export interface ScratchFolder {
  path: string;
  remove(): Promise<void>;
}

/** A folder of this run's own. */
export async function scratchFolder(prefix: string): Promise<ScratchFolder> {
  const path = await mkdtemp(join(tmpdir(), prefix));
  folders.add(path);
  return {
    path,
    async remove() {
      await rm(path, { recursive: true, force: true });
      folders.delete(path);
    },
  };
}
