/**
 * Measures Longshore on real servers of this machine:
 *
 *   pnpm bench [tsdb] [--json] [--only name,…] [--points N] [--rounds N] [--replay-rounds N]
 *
 * Prints a table with ratios, or with `--json` one object a line. `--points`: the least a replay moves (50 million). Measurements on the
 * kilda data set are taken `--rounds` times (3), replays `--replay-rounds` times (1); the run of the middle speed is shown.
 */
import { parseArgs } from 'node:util';
import { costs, type Goal, ratios, table } from './measurement.ts';
import { NAMES, type Options, runTsdb } from './tsdb.ts';

const GROUPS = ['tsdb'];
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

function asked(): { json: boolean; options: Options } {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      only: { type: 'string' },
      points: { type: 'string', default: '50000000' },
      rounds: { type: 'string', default: '3' },
      'replay-rounds': { type: 'string', default: '1' },
    },
  });
  const stranger = positionals.find((word) => !GROUPS.includes(word));
  if (stranger !== undefined) throw new Misused(`there is no group "${stranger}"; there is ${GROUPS.join(', ')}`);
  const only = values.only === undefined ? NAMES : values.only.split(',').map((name) => name.trim());
  const unknown = only.find((name) => !NAMES.includes(name));
  if (unknown !== undefined) throw new Misused(`nothing called "${unknown}" is measured; there is ${NAMES.join(', ')}`);
  return {
    json: values.json,
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

try {
  const { json, options } = asked();
  const results = await runTsdb(options);
  if (json) for (const { measurement } of results) process.stdout.write(`${JSON.stringify(measurement)}\n`);
  else {
    const replays = NAMES.filter((name) => name.startsWith('replay-migrate-'));
    const lines = [table(results), '', ...ratios(results, GOALS), ...costs(results, replays, { most: 0.5, spread: 1.2 })];
    process.stdout.write(`${lines.join('\n')}\n`);
  }
} catch (error) {
  if (!isMisuse(error)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}
