/**
 * The recordings of the kilda tools, run with the commands that take their place: each step is a command of its own, against the server
 * the recording describes.
 *
 * A recording is held against the original's own bytes where the original is right, and against the points of its server where it is
 * not. Which of them, and why, stands in `KNOWN`; a recording that is not named there is held against its server.
 */
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect } from 'vitest';
import { realServer } from '../servers/real.ts';
import type { Fleet } from '../support/fleet.ts';
import { startFleet } from '../support/fleet.ts';
import type { Said, Vector } from './harness.ts';
import { vectorSuite } from './harness.ts';
import type { RecordedServer, ServerState } from './tsdb-server.ts';
import { startRecordedServer } from './tsdb-server.ts';
import type { Step, Window } from './tsdb-steps.ts';
import { askedWindow, KillRecording, moreThan, option, putPoints, Recording, rowsOf, truthOf } from './tsdb-steps.ts';

/** The original's bytes, or the right result and what the original does instead. */
const KNOWN: Readonly<Record<string, 'bytes' | { better: string }>> = {
  v01_basic_dump_restore: 'bytes',
  v02_numbers: 'bytes',
  v04_several_series: 'bytes',
  v06_no_tags: 'bytes',
  v07_empty_frames: 'bytes',
  v08_start_equals_stop: 'bytes',
  v13_remove_metadata: 'bytes',
  v15_retry_500: 'bytes',
  v19_batching: 'bytes',
  v20_put_400_then_resume: 'bytes',
  v22_timezone: 'bytes',
  v23_discovery: 'bytes',
  v24_bad_date: 'bytes',
  v05_quote_and_pipe_in_tags: { better: 'the original sends the tags as one text' },
  v05b_pipe_in_tag: { better: 'the original cannot read what it has written' },
  v09_unaligned_window: { better: 'the original leaves the end of the window out' },
  v10_ms_points: { better: 'the original loses points between two seconds' },
  v11_second_run_same_dir: { better: 'the original writes the last frame twice' },
  v16_503_no_retry: { better: 'the original gives a metric up at once' },
  v17_frame_size_1: { better: 'the original asks for an empty range' },
  v25_sigkill_loses_buffered_rows: { better: 'the original loses what it had said to have' },
  v26_null_value: { better: 'the original gives up the metric for one value' },
};

const NO_CASE: Readonly<Record<string, string>> = {
  vm_observed: 'what a VictoriaMetrics answered; used by the tests of the comparison and of the stand-in',
  vm_native: 'native blocks of a VictoriaMetrics; used by the tests of the native format',
  vmctl_observed: 'what vmctl did; nothing here runs it',
  wrapper_runs: 'what the wrapper did; each of its losses has a test of its own in otsdb-to-vm.test.ts',
};

const MAIN = fileURLToPath(new URL('../../apps/cli/src/main.ts', import.meta.url));
const COMMANDS = { dump: 'kilda-otsdb-dump', restore: 'kilda-otsdb-restore' } as const;

interface Ran {
  exit: number;
  stdout: string;
  stderr: string;
}

const redis = await realServer('redis', { own: true });
let dir: string;
let fleet: Fleet;
let server: RecordedServer;

beforeAll(async () => {
  if (!redis.there) return;
  dir = await mkdtemp(join(tmpdir(), 'longshore-vectors-'));
  fleet = await startFleet({
    dir,
    redisUrl: redis.url,
    dumpers: 1,
    restorers: 1,
    lockMs: 3_000,
    sweepMs: 1_000,
    listen: `unix:${join(dir, 'api.sock')}`,
  });
  server = await startRecordedServer();
});

afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  await fleet?.stop();
  if (redis.there) await redis.stop();
  if (dir) await rm(dir, { recursive: true, force: true });
});

/** The command in a process of its own, as a script would call it. */
function command(tool: Step['tool'], argv: string[], env: Record<string, string>, cwd: string): Promise<Ran> {
  const child = spawn(process.execPath, [MAIN, COMMANDS[tool], ...argv], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env, LONGSHORE_API: `unix:${join(dir, 'api.sock')}`, LONGSHORE_HOME: join(dir, 'home') },
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ exit: code ?? -1, stdout, stderr }));
  });
}

async function filesOf(folder: string): Promise<Record<string, string>> {
  const names = await readdir(folder).catch(() => []);
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name), 'utf8')] as const)));
}

vectorSuite('tsdb', {
  noCase: ({ file }) => NO_CASE[file.replace(/\.json$/, '')],
  cannotRun: () => (redis.there ? undefined : redis.reason),
  async run(vector: Vector): Promise<Said> {
    const name = vector.file.replace(/\.json$/, '');
    const folder = join(dir, name);
    await mkdir(folder);
    const killed = KillRecording.safeParse(vector.data);
    if (killed.success) return runKilled(killed.data, folder);
    return runSteps(Recording.parse(vector.data), folder, KNOWN[name]);
  },
});

async function runSteps(recording: Recording, folder: string, known: (typeof KNOWN)[string] | undefined): Promise<Said> {
  let state: ServerState = recording.serverState;
  server.reset(state);
  const windows: Window[] = [];
  /** Points that an earlier step has restored. */
  let restored: string[] = [];
  let before: Record<string, string> = {};
  let prefix = 'kilda.';
  let dumped = join(folder, 'd');
  for (const step of recording.steps) {
    if (step.state !== undefined) state = step.state;
    // A server that fails by number counts anew when it is started with a state of its own.
    if (step.state !== undefined) server.reset(state);
    server.puts = [];
    server.refused.clear();
    const argv = step.run.argv.map((text) => text.replaceAll('RUNDIR', folder).replaceAll('PORT', String(server.port)));
    dumped = option(argv, '--dump-dir') ?? dumped;
    await mkdir(dumped, { recursive: true });
    const edited = await applyEdits(step, before, dumped);
    if (edited) restored = [];
    const env = { ...recording.env, ...step.env };
    const begun = Date.now();
    const ran = await command(step.tool, argv, env, dumped);
    const files = await filesOf(dumped);
    if (known === 'bytes') holdAgainstBytes(step, ran, files, state);
    else if (step.run.exit === 2) expect(ran.exit, 'wrong usage stays wrong usage').toBe(2);
    else if (step.tool === 'dump') {
      prefix = option(argv, '--metrics-prefix') ?? prefix;
      windows.push(windowOf(argv, env.TZ ?? process.env.TZ ?? 'UTC', ran.stdout, begun));
      holdDumpAgainstServer(state, prefix, windows, ran, files);
    } else restored = holdRestoreAgainstFiles(ran, files, restored);
    before = step.filesAfter;
  }
  if (known === 'bytes') return 'the original, byte for byte';
  return known === undefined ? 'its server: every point of the window, once' : `better: ${known.better}`;
}

/** A recording whose rows changed without a dump was edited by hand between two steps; so is ours. Tells whether it was. */
async function applyEdits(step: Step, before: Record<string, string>, folder: string): Promise<boolean> {
  if (step.tool !== 'restore') return false;
  const edited = Object.entries(step.filesAfter).filter(([file, text]) => file.toLowerCase().endsWith('.ndjson') && before[file] !== text);
  for (const [file, text] of edited) await writeFile(join(folder, file), text);
  return edited.length > 0;
}

function holdAgainstBytes(step: Step, ran: Ran, files: Record<string, string>, state: ServerState): void {
  expect(ran.exit, ran.stderr).toBe(step.run.exit);
  const bodies = step.requests.filter(({ method }) => method === 'POST').map(({ requestBody, status }) => ({ body: requestBody, status }));
  expect(server.puts).toEqual(bodies);
  // The original does not find every metric; what it has not found has a file here.
  const prefix = option(step.run.argv, '--metrics-prefix') ?? 'kilda.';
  const unfound = state.metrics.filter((metric) => metric.startsWith(prefix) && step.filesAfter[`${metric}.ndjson`] === undefined);
  const more = step.tool === 'dump' && step.run.exit === 0 ? unfound.map((metric) => [`${metric}.ndjson`, ''] as const) : [];
  expect(files).toEqual({ ...step.filesAfter, ...Object.fromEntries(more) });
  if (step.tool === 'dump') {
    const lines = (text: string): string[] => text.replace(' (exclusive)\n', '\n').split('\n');
    expect(lines(ran.stdout)).toEqual(expect.arrayContaining(lines(step.run.stdout)));
    expect(lines(ran.stdout).length - more.length).toBe(lines(step.run.stdout).length);
    if (step.run.exit === 2) expect(ran.stderr).toBe(step.run.stderr);
  } else for (const line of ran.stdout.split(/[\r\n]+/).filter((each) => each !== '')) expect(line).toMatch(RESTORING);
}

const RESTORING = /^Restoring "[^"]+" \d+ entries processed \(\d+\.\d\d% completed, \d+ http requests\)$/;
const STARTING = /^Starting dumping metrics from (.+) to (.+) \(exclusive\)\n/;

/** What was asked for, and the same in the words of the command. */
function windowOf(argv: string[], zone: string, stdout: string, begun: number): Window {
  const [, start = '', stop = ''] = STARTING.exec(stdout) ?? [];
  expect(stdout).toMatch(STARTING);
  const said = { startMs: Date.parse(start), stopMs: Date.parse(stop) };
  const { startMs, stopMs } = askedWindow(argv, zone);
  if (stopMs === undefined) {
    expect(said.stopMs, 'it ends when the command was given').toBeGreaterThan(begun - 1_000);
    expect(said.stopMs).toBeLessThanOrEqual(Date.now());
  }
  const asked = { startMs, stopMs: stopMs ?? said.stopMs };
  expect(said, 'the window that was asked for').toEqual(asked);
  return asked;
}

function rowsIn(files: Record<string, string>): ReturnType<typeof rowsOf> {
  const rows = Object.entries(files)
    .filter(([file]) => file.toLowerCase().endsWith('.ndjson'))
    .map(([, text]) => rowsOf(text));
  return { points: rows.flatMap(({ points }) => points), unreadable: rows.reduce((sum, { unreadable }) => sum + unreadable, 0) };
}

/** Every point of the windows, once; where the server refuses a metric for good, what there is, and an exit code that says so. */
function holdDumpAgainstServer(state: ServerState, prefix: string, windows: Window[], ran: Ran, files: Record<string, string>): void {
  const truth = truthOf(state, prefix, windows);
  const { points, unreadable } = rowsIn(files);
  const texts = points.map(({ text }) => text);
  const inside = points.filter(({ ms }) => windows.some(({ startMs, stopMs }) => ms >= startMs && ms < stopMs)).map(({ text }) => text);
  const isRefused = (text: string): boolean => [...server.refused].some((metric) => text.startsWith(`${metric}|`));
  expect(
    moreThan(truth.points, inside).filter((text) => !isRefused(text)),
    `points that are not there\n${ran.stderr}`,
  ).toEqual([]);
  expect(moreThan(texts, truth.all), 'points that the server does not have, or not so often').toEqual([]);
  expect(unreadable).toBe(0);
  for (const metric of server.refused) expect(ran.stdout).toContain(`Failed to dump metric "${metric}": `);
  expect(ran.exit, ran.stderr).toBe(server.refused.size > 0 ? 1 : truth.unsendable ? 3 : 0);
}

/** All that is in the files and was not restored before, once; or as much as the server takes, and an exit code that says so. */
function holdRestoreAgainstFiles(ran: Ran, files: Record<string, string>, before: readonly string[]): string[] {
  const { points, unreadable } = rowsIn(files);
  const rows = points.map(({ text }) => text);
  const restored = [...before, ...putPoints(server.puts.filter(({ status }) => status < 300).map(({ body }) => body))];
  const refused = server.puts.some(({ status }) => status >= 400 && status < 500 && status !== 408 && status !== 413 && status !== 424 && status !== 429);
  expect(moreThan(restored, rows), 'points that no file has, or not so often').toEqual([]);
  if (!refused) expect(moreThan(rows, restored), 'rows that were not restored').toEqual([]);
  expect(ran.exit, ran.stderr).toBe(refused ? 1 : unreadable > 0 ? 3 : 0);
  return restored;
}

/** One point a frame; the dumper is killed when it asks for what lies behind the recording's last frame, and started again. */
async function runKilled(recording: KillRecording, folder: string): Promise<Said> {
  const { metaAtKill, expectedPoints, firstMissing } = recording;
  const frameS = metaAtKill.end - metaAtKill.start + 1;
  const startS = firstMissing[0]!;
  const metric = 'kilda.k';
  const points = Array.from({ length: expectedPoints }, (_, at) => [startS + at * frameS, String(at)] as [number, string]);
  server.reset({ metrics: [metric], series: [{ metric, tags: { host: 'h1' }, points }] });
  const stopS = startS + expectedPoints * frameS;
  const meta = join(folder, `${metric}.dmeta.json`);
  let killedWith: { meta: number; lastRow: number } | undefined;
  server.beforeAnswer = async (endMs) => {
    if (killedWith !== undefined || endMs / 1000 < metaAtKill.start) return;
    const { start } = JSON.parse(await readFile(meta, 'utf8')) as { start: number };
    const { points: rows } = rowsOf(await readFile(join(folder, `${metric}.ndjson`), 'utf8'));
    killedWith = { meta: start, lastRow: (rows.at(-1)?.ms ?? 0) / 1000 };
    const [name, member] = [...fleet.members].find(([, { role }]) => role === 'dumper')!;
    const gone = new Promise((resolve) => member.child.once('exit', resolve));
    member.child.kill('SIGKILL');
    await gone;
    await fleet.start(name, 'dumper');
  };
  const utc = (s: number): string => new Date(s * 1000).toISOString().slice(0, 19);
  const ran = await command('dump', ['--dump-dir', folder, '--time-stop', utc(stopS), server.url, utc(startS)], { TZ: 'UTC' }, folder);
  server.beforeAnswer = undefined;
  expect(killedWith, 'the dumper was killed').toBeDefined();
  expect(killedWith!.lastRow, 'the metadata never says more than the rows').toBeGreaterThanOrEqual(killedWith!.meta);
  expect(ran.exit, ran.stderr).toBe(recording.secondRunExit);
  const rows = rowsOf(await readFile(join(folder, `${metric}.ndjson`), 'utf8')).points.map(({ text }) => text);
  expect(new Set(rows).size).toBe(expectedPoints);
  expect(rows.length).toBe(expectedPoints);
  return `better: the original lacks ${recording.missingPoints} of ${expectedPoints} points`;
}
