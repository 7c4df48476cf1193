/** Signals to otsdb-to-vm as a terminal sends them, while a dump is under way: whatever was stopped, a second run makes it whole. */
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startVictoriaMetrics, type VictoriaMetricsStandIn } from '@longshore/sandbox';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { wrapperCommand, wrapperEnvironment } from '../support/otsdb-to-vm.ts';
import { type RecordedServer, startRecordedServer } from '../vectors/tsdb-server.ts';

const MAIN = fileURLToPath(new URL('../../apps/cli/src/main.ts', import.meta.url));
const HOUR_MS = 3_600_000;
const START_MS = Date.UTC(2022, 0, 1);
const STEP_MS = 600_000;
const POINTS = (3 * HOUR_MS) / STEP_MS;

let dir: string;
let storage: string;

interface Running {
  /** Resolves when it has said this, or when it has ended. */
  said(text: string): Promise<void>;
  signal(name: NodeJS.Signals): void;
  ended: Promise<{ exit: number | null; text: string }>;
}

function longshore(argv: string[]): Running {
  const child = spawn(process.execPath, [MAIN, ...argv], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: wrapperEnvironment(dir),
  });
  let text = '';
  let waiting: { for: string; resolve: () => void }[] = [];
  const look = (over: boolean): void => {
    for (const each of waiting) if (over || text.includes(each.for)) each.resolve();
    waiting = waiting.filter((each) => !over && !text.includes(each.for));
  };
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      look(false);
    });
  const ended = new Promise<{ exit: number | null; text: string }>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exit) => {
      look(true);
      resolve({ exit, text });
    });
  });
  return {
    said: async (wanted) => {
      await new Promise<void>((resolve) => {
        waiting.push({ for: wanted, resolve });
        look(false);
      });
      expect(text).toContain(wanted);
    },
    signal: (name) => void child.kill(name),
    ended,
  };
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'longshore-signals-'));
  storage = join(dir, 'storage');
  await mkdir(storage);
});
afterAll(async () => {
  await longshore(['down']).ended;
  await rm(dir, { recursive: true, force: true });
});

const command = (from: RecordedServer, to: VictoriaMetricsStandIn): string[] => wrapperCommand(from.url, to.url, storage);

/** The second and third hour are not answered before the gate is opened. */
function gate(from: RecordedServer): { reached: Promise<void>; open(): void } {
  const reached = Promise.withResolvers<void>();
  const opened = Promise.withResolvers<void>();
  from.beforeAnswer = async (endMs) => {
    if (endMs <= START_MS + HOUR_MS) return;
    reached.resolve();
    await opened.promise;
  };
  return { reached: reached.promise, open: opened.resolve };
}

const FIRST = 'goes on. Ctrl+C again';
const DRAINS = 'no new work is begun, what is ready is finished. Ctrl+C once more';
const CANCELS = 'is being cancelled';
const CASES: [name: string, steps: [signal: NodeJS.Signals, says: string][], opens: boolean, exit: number][] = [
  ['Ctrl+C once: it only says what the next one does', [['SIGINT', FIRST]], true, 0],
  [
    'Ctrl+C twice: what is begun is finished',
    [
      ['SIGINT', FIRST],
      ['SIGINT', DRAINS],
    ],
    true,
    130,
  ],
  [
    'Ctrl+C three times: it does not wait for the source',
    [
      ['SIGINT', FIRST],
      ['SIGINT', DRAINS],
      ['SIGINT', CANCELS],
    ],
    false,
    130,
  ],
  ['SIGUSR1: no new dump, what is ready is restored', [['SIGUSR1', 'SIGUSR1: no new dump is begun']], true, 130],
];

test.each(CASES)('%s; a second run makes it whole', async (_name, steps, opens, exit) => {
  await using from = await startRecordedServer();
  await using to = await startVictoriaMetrics({});
  const points = Array.from({ length: POINTS }, (_, at): [number, string] => [START_MS + at * STEP_MS, String(at)]);
  from.reset({ metrics: ['kilda.a'], series: [{ metric: 'kilda.a', tags: { host: 'h1' }, points }] });
  const { reached, open } = gate(from);
  const first = longshore(command(from, to));
  await Promise.race([reached, first.ended]);
  await first.said('Dumping');
  for (const [signal, says] of steps) {
    first.signal(signal);
    await first.said(says);
  }
  if (opens) open();
  const stopped = await first.ended;
  open();
  expect(stopped.exit, stopped.text).toBe(exit);
  // Exit code 0: every point was read back.
  if (exit === 0) return;
  const again = await longshore(command(from, to)).ended;
  expect(again.exit, again.text).toBe(0);
  expect(to.store().points - probes(to), again.text).toBe(POINTS);
});

/** Where the sink does not take points back, those of the probe stay. */
function probes(to: VictoriaMetricsStandIn): number {
  return to
    .store()
    .visible.filter(({ labels }) => [...labels].some(([, value]) => value === 'longshore.probe'))
    .reduce((sum, { blocks }) => sum + blocks.reduce((points, { times }) => points + times.length, 0), 0);
}
