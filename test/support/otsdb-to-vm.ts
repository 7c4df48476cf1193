/** The command `otsdb-to-vm` as the tests of its losses and of its signals call it. */
import { join } from 'node:path';

/** Three hours of 2022-01-01, a folder for each, kept a second before they are counted once more. */
export function wrapperCommand(from: string, to: string, storage: string): string[] {
  const window = ['-sd', '2022-01-01', '-ed', '2022-01-01T02:59:59', '-i', 'hour'];
  return ['otsdb-to-vm', '-s', from, '-d', to, ...window, '-m', 'kilda.', '-dsf', storage, '--settle', '1s'];
}

/** A fleet, a marker and a log of its own below `dir`. */
export function wrapperEnvironment(dir: string): NodeJS.ProcessEnv {
  const own = { LONGSHORE_HOME: join(dir, 'home'), marker_for_execution: join(dir, 'marker'), background_log: join(dir, 'background.log') };
  return { ...process.env, TZ: 'UTC', LONGSHORE_API: '', ...own };
}
