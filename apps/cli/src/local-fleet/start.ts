/** Joins the local fleet, or starts it as a process group of its own that outlives the command and its terminal. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { LongshoreError } from '@longshore/core';
import { FleetNotStarted, FleetRunning } from '../errors.ts';
import { configurationSource } from './configuration.ts';
import type { FleetRecord, Home } from './home.ts';
import { makeHome, readFleet, turnLog } from './home.ts';
import { lockHolder } from './lock.ts';
import type { FleetMessage } from './supervisor.ts';

export interface Wanted {
  dumpers?: number;
  restorers?: number;
  listen?: string;
}

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));
const POLL_MS = 100;
/** A fleet that another command starts at this moment may first have to fetch a Redis. */
const OTHERS_START_MS = 180_000;

export async function joinFleet(home: Home, wanted: Wanted, say: (line: string) => void): Promise<FleetRecord> {
  const until = Date.now() + OTHERS_START_MS;
  let waited = false;
  while (Date.now() < until) {
    const running = await readFleet(home);
    if (running) return checked(running, say);
    if (!(await lockHolder(home.lockFile))) {
      const record = await startFleet(home, wanted, say);
      if (record) return record;
    }
    if (!waited) say('Another command is starting or stopping the local fleet; waiting for it.');
    waited = true;
    await wait(POLL_MS);
  }
  throw FleetNotStarted({ why: 'another command is starting it and does not get done', log: home.fleetLog });
}

function checked(running: FleetRecord, say: (line: string) => void): FleetRecord {
  const now = configurationSource();
  const changed = now !== undefined && (now.file !== running.configuration?.file || now.hash !== running.configuration.hash);
  if (changed)
    say(
      `Note: the local fleet was started with ${running.configuration ? 'other contents or another place of longshore.yaml' : 'no longshore.yaml'}; ` +
        `\`longshore down\` makes the next command start it with ${now.file}.`,
    );
  return running;
}

/** Undefined when somebody else was faster. */
async function startFleet(home: Home, wanted: Wanted, say: (line: string) => void): Promise<FleetRecord | undefined> {
  await makeHome(home);
  await turnLog(home.fleetLog);
  say(`Starting the local fleet in ${home.dir} (it goes on after this command; \`longshore down\` ends it).`);
  const args = Object.entries(wanted).flatMap(([flag, value]) => (value === undefined ? [] : [`--${flag}`, String(value)]));
  const fd = openSync(home.fleetLog, 'a', 0o600);
  const child = spawn(process.execPath, [MAIN, 'up', '--foreground', ...args], {
    detached: true,
    stdio: ['ignore', fd, fd, 'ipc'],
    env: { ...process.env, LONGSHORE_HOME: home.dir },
  });
  closeSync(fd);
  const outcome = Promise.withResolvers<FleetRecord | LongshoreError>();
  child.on('message', (message) => {
    const told = message as FleetMessage;
    if ('say' in told) say(told.say);
    else if ('ready' in told) outcome.resolve(told.ready);
    else outcome.resolve(new LongshoreError(told.failed));
  });
  const exit = once(child, 'exit').then(([code]) =>
    FleetNotStarted({ why: `its supervisor ended with ${code === null ? 'a signal' : `exit code ${String(code)}`}`, log: home.fleetLog }),
  );
  const result = await Promise.race([outcome.promise, exit]);
  if (!(result instanceof LongshoreError)) {
    child.disconnect();
    child.unref();
    return result;
  }
  if (FleetRunning.is(result)) return undefined;
  throw result;
}
