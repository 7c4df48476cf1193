/**
 * Measures Longshore on real servers of this machine:
 *
 *   pnpm bench [tsdb] [engine] [api] [web] [--json] [--only name,…] [--points N] [--rounds N] [--replay-rounds N] [--tasks N] [--fsync everysec,always]
 *
 * Prints a table with ratios, or with `--json` one object a line. `--points`: the least a replay moves (50 million). Measurements on the
 * kilda data set are taken `--rounds` times (3), replays `--replay-rounds` times (1); the run of the middle speed is shown. The engine is
 * measured with `--tasks` tasks (20,000) on a Redis with each `--fsync` (both), and so is the API: `--rate` submissions a second (200) for
 * `--seconds` (60) while `--listeners` (1,000) follow event logs. `web` looks at the dashboard in Chromium.
 */
import { parseArgs } from 'node:util';
import { exitOnSignals } from '../support/interrupted.ts';
import { API_NAMES, runApi } from './api.ts';
import { ENGINE_NAMES, type EngineMeasurement, FSYNCS, type Fsync, runEngine } from './engine.ts';
import { costs, type Goal, ratios, table } from './measurement.ts';
import { NAMES, type Options, runTsdb } from './tsdb.ts';
import { runWeb, WEB_NAMES } from './web.ts';

const GROUPS: Readonly<Record<string, readonly string[]>> = { tsdb: NAMES, engine: ENGINE_NAMES, api: API_NAMES, web: WEB_NAMES };
const GOALS: readonly Goal[] = [
  { name: 'migrate', to: 'source-read', atLeast: 0.8 },
  { name: 'migrate-verified', to: 'source-read', atLeast: 0.6 },
  { name: 'restore', to: 'import-only', atLeast: 0 },
  { name: 'replay-migrate-20', to: 'replay-import-20', atLeast: 0.4 },
  { name: 'replay-migrate-2000', to: 'replay-import-2000', atLeast: 0.4 },
];

class Misused extends Error {}

function wholeNumber(option: string, text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 1) throw new Misused(`--${option} must be a whole number above 0, not "${text}"`);
  return number;
}

function fsyncs(text: string): Fsync[] {
  return text.split(',').map((word) => {
    const found = FSYNCS.find((one) => one === word.trim());
    if (!found) throw new Misused(`--fsync is ${FSYNCS.join(' or ')}, not "${word}"`);
    return found;
  });
}

interface Asked {
  json: boolean;
  options: Options;
  tasks: number;
  fsyncs: Fsync[];
  load: { rate: number; seconds: number; listeners: number };
}

function asked(): Asked {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      only: { type: 'string' },
      points: { type: 'string', default: '50000000' },
      rounds: { type: 'string', default: '3' },
      'replay-rounds': { type: 'string', default: '1' },
      tasks: { type: 'string', default: '20000' },
      fsync: { type: 'string', default: FSYNCS.join(',') },
      rate: { type: 'string', default: '200' },
      seconds: { type: 'string', default: '60' },
      listeners: { type: 'string', default: '1000' },
    },
  });
  const groups = Object.keys(GROUPS);
  const stranger = positionals.find((word) => !groups.includes(word));
  if (stranger !== undefined) throw new Misused(`there is no group "${stranger}"; there is ${groups.join(', ')}`);
  const names = (positionals.length === 0 ? groups : positionals).flatMap((group) => GROUPS[group]!);
  const only = values.only === undefined ? names : values.only.split(',').map((name) => name.trim());
  const unknown = only.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new Misused(`nothing called "${unknown}" is measured; there is ${names.join(', ')}`);
  return {
    json: values.json,
    tasks: wholeNumber('tasks', values.tasks),
    fsyncs: fsyncs(values.fsync),
    load: {
      rate: wholeNumber('rate', values.rate),
      seconds: wholeNumber('seconds', values.seconds),
      listeners: wholeNumber('listeners', values.listeners),
    },
    options: {
      only: new Set(only),
      points: wholeNumber('points', values.points),
      rounds: wholeNumber('rounds', values.rounds),
      replayRounds: wholeNumber('replay-rounds', values['replay-rounds']),
      say: (line) => void process.stderr.write(`[bench] ${line}\n`),
    },
  };
}

function isMisuse(error: unknown): error is Error {
  return error instanceof Misused || (error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS'));
}

exitOnSignals();
const print = (line: string): void => void process.stdout.write(`${line}\n`);

/** A measurement of the engine for people: its figures in one line. */
function figures({ name, versions, ...rest }: EngineMeasurement): string {
  const shown = Object.entries(rest).map(([figure, value]) => `${figure} ${typeof value === 'object' ? JSON.stringify(value) : value}`);
  return `${name.padEnd(16)} ${shown.join('  ')}  (${Object.entries(versions).flat().join(' ')})`;
}

try {
  const { json, options, tasks, fsyncs, load } = asked();
  const { only, say } = options;
  if (ENGINE_NAMES.some((name) => only.has(name)))
    await runEngine({ only, fsyncs, tasks, say, tell: (found) => print(json ? JSON.stringify(found) : figures(found)) });
  if (API_NAMES.some((name) => only.has(name)))
    await runApi({ ...load, fsyncs, say, tell: (found) => print(json ? JSON.stringify(found) : figures(found)) });
  if (WEB_NAMES.some((name) => only.has(name)))
    await runWeb({ only, say, tell: (found) => print(json ? JSON.stringify(found) : figures(found)) });
  if (NAMES.some((name) => only.has(name))) {
    const results = await runTsdb(options);
    if (json) for (const { measurement } of results) print(JSON.stringify(measurement));
    else {
      const replays = NAMES.filter((name) => name.startsWith('replay-migrate-'));
      for (const line of [table(results), '', ...ratios(results, GOALS), ...costs(results, replays, { most: 0.5, spread: 1.2 })])
        print(line);
    }
  }
} catch (error) {
  if (!isMisuse(error)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}
