/** A process that waits to be stopped: says `ready`, one `stop began` for each stop, `stop ended`. The mode says how its stop goes. */
import { setTimeout as pause } from 'node:timers/promises';
import { silentLog, untilStopped } from '../src/index.ts';

const mode = process.argv[2];
const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};
const alive = setInterval(() => undefined, 1_000);
const stopped = untilStopped(silentLog, 5_000, async (deadlineMs) => {
  say(`stop began ${deadlineMs}`);
  if (mode === 'fails') throw new Error('the stop goes wrong');
  await pause(300);
  clearInterval(alive);
  say('stop ended');
});
say('ready');
await stopped;
