/**
 * The demonstration: a fleet of its own in a temporary directory moves made-up metrics from a stand-in OpenTSDB to a real
 * VictoriaMetrics. Whatever happens, nothing of it is left running and the directory is removed.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Log } from '@longshore/core';
import { findVictoriaMetrics, ProgramMissing, startVictoriaMetrics } from '@longshore/programs';
import { demoData, startOpenTsdb, startVictoriaMetrics as startStandIn } from '@longshore/sandbox';
import { showTime } from '../arguments/time.ts';
import { openClient } from '../client.ts';
import { Ended } from '../exit.ts';
import { homeAt } from '../local-fleet/home.ts';
import { Supervisor } from '../local-fleet/supervisor.ts';
import { reportText } from '../report/text.ts';
import type { Terminal } from '../terminal.ts';
import { LEFT } from '../watch/keys.ts';
import { watchOperation } from '../watch/watch.ts';

export interface DemoOptions {
  days: number;
  keep?: boolean;
}

const DAY_MS = 86_400_000;
const WORKERS = 2;
const BATCH_MS = DAY_MS / 4;
/** Short: nobody pulls the plug of the demo's server to see what comes of it. */
const SETTLE_MS = 2_000;
const STOP_MS = 3_000;
const SWEEP_MS = 1_000;
const PREFIX = 'kilda.';
/** About a million points in three days: long enough to be watched, short enough to be waited for. */
const STEP_MS = 15_000;

export async function runDemo(options: DemoOptions, terminal: Terminal): Promise<number> {
  const interrupted = Promise.withResolvers<never>();
  interrupted.promise.catch(() => undefined); // told by the race below
  const onSignal = Object.entries(LEFT).map(([signal, code]) => {
    const listener = (): void => interrupted.reject(new Ended(code));
    process.on(signal, listener);
    return { signal, listener };
  });
  const cleanUp = new AsyncDisposableStack();
  try {
    return await Promise.race([demonstrate(options, terminal, cleanUp, interrupted.promise), interrupted.promise]);
  } finally {
    terminal.say('Putting everything away.');
    await cleanUp.disposeAsync();
    for (const { signal, listener } of onSignal) process.off(signal, listener);
  }
}

async function demonstrate(
  { days, keep }: DemoOptions,
  terminal: Terminal,
  cleanUp: AsyncDisposableStack,
  forever: Promise<never>,
): Promise<number> {
  const step = (text: string): void => terminal.say(terminal.err.style('bold', text));
  const dir = await mkdtemp(join(tmpdir(), 'longshore-demo-'));
  cleanUp.defer(() => rm(dir, { recursive: true, force: true }));

  step('1. Two servers');
  const stopMs = Math.floor(Date.now() / DAY_MS) * DAY_MS;
  const startMs = stopMs - days * DAY_MS;
  const source = await startOpenTsdb({ series: demoData({ startMs, days, stepMs: STEP_MS }) });
  cleanUp.defer(() => source.close());
  terminal.say(`  a stand-in for OpenTSDB at ${source.url}, with ${days} days of made-up network metrics`);
  const sink = await startSink(join(dir, 'victoria-metrics'), terminal, cleanUp);

  step(`2. A fleet: Redis, scheduler, API, ${WORKERS} dumpers, ${WORKERS} restorers`);
  const fleet = new Supervisor({
    home: homeAt(join(dir, 'fleet')),
    dumpers: WORKERS,
    restorers: WORKERS,
    say: (line) => terminal.say(`  ${line}`),
    log: logFor(terminal),
    environment: await ownEnvironment(dir),
    stopMs: STOP_MS,
    sweepMs: SWEEP_MS,
  });
  cleanUp.defer(() => fleet.stop());
  const { api } = await fleet.start();
  const client = cleanUp.use(openClient(api));

  step(`3. A migration: ${showTime(startMs)} up to ${showTime(stopMs)}, in batches of ${BATCH_MS / 3_600_000} hours`);
  const params = {
    source: source.url,
    sink,
    startMs,
    stopMs,
    metricsPrefix: PREFIX,
    intervalMs: BATCH_MS,
    existing: 'refuse',
    settleMs: SETTLE_MS,
  };
  const id = await client.submit({ kind: 'tsdb.migrate', params, reason: 'demonstration' });
  const { exitCode } = await watchOperation({
    client,
    id,
    terminal,
    json: false,
    owned: false,
    hint: 'Ctrl+C ends the demonstration and puts everything away.',
  });

  step('4. The report: what was read, what was sent, what was read back');
  terminal.print(reportText(await client.report(id), { style: terminal.out.style, maxRows: 30 }).trimEnd());
  terminal.say('');
  if (keep) {
    step('5. Look at it yourself; Ctrl+C ends everything');
    const query = encodeURIComponent(`count_over_time({__name__="kilda.isl.rtt"}[${days}d])`);
    terminal.say(`  points of one metric: curl '${sink}/api/v1/query?time=${stopMs / 1000}&query=${query}'`);
    terminal.say(`  all metrics:          curl '${sink}/api/v1/label/__name__/values'`);
    terminal.say(`  in a browser:         ${sink}/vmui`);
    terminal.say(`  the fleet:            longshore explain ${id} --api ${api}`);
    await forever;
  }
  step('Next');
  terminal.say('  longshore demo --keep         the same, and the servers stay up for you to look at the data');
  terminal.say('  longshore doctor              whether this machine has what real work needs');
  terminal.say('  longshore tsdb migrate --help your own data; --plan shows what would be done and changes nothing');
  return exitCode;
}

async function startSink(dir: string, terminal: Terminal, cleanUp: AsyncDisposableStack): Promise<string> {
  try {
    const program = await findVictoriaMetrics({ say: (line) => terminal.say(`  ${line}`) });
    const starting = startVictoriaMetrics({ program, dir });
    // Also when the demonstration is interrupted while it starts.
    cleanUp.defer(() =>
      starting.then(
        (server) => server.stop(),
        () => undefined, // it did not start: said by the await below
      ),
    );
    const { url } = await starting;
    terminal.say(`  VictoriaMetrics ${program.version} at ${url}, empty`);
    return url;
  } catch (error) {
    if (!ProgramMissing.is(error)) throw error;
    const standIn = await startStandIn({ visibleAfterMs: 500 });
    cleanUp.defer(() => standIn.close());
    terminal.say(`  a stand-in for VictoriaMetrics at ${standIn.url}, empty (no real one is here, and none could be fetched)`);
    return standIn.url;
  }
}

/** The demo is not to touch a Redis or a configuration of the user's. */
async function ownEnvironment(dir: string): Promise<NodeJS.ProcessEnv> {
  const file = join(dir, 'longshore.yaml');
  await writeFile(file, 'fleet: demo\n');
  const { REDIS_URL: _redis, LONGSHORE_API: _api, LONGSHORE_FLEET: _fleet, ...rest } = process.env;
  return { ...rest, LONGSHORE_CONFIG: file };
}

/** What is worth a line to somebody who looks on. */
function logFor(terminal: Terminal): Log {
  const say = (details: object, text: string): void => terminal.say(`  ${text} ${JSON.stringify(details)}`);
  return { debug: () => undefined, info: () => undefined, warn: say, error: say };
}
