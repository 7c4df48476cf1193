/**
 * Breaks things on purpose, on real servers and separate processes, and checks that nothing is lost, moved or doubled.
 *
 *   pnpm faults [--seed N] [--only name,…] [--rounds N] [--state file] [--list]
 *
 * Resumable: what passed is written down, a line of JSON a case, and a later run with the same seed goes on behind it. A failing case is
 * run again with the command that is printed. Exit code 1 when anything failed.
 */
import { appendFile, cp, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { seededRandom } from '@longshore/core';
import { cacheDirectory } from '@longshore/programs';
import { kildaDataset } from '../dataset/index.ts';
import { exitOnSignals, scratchFolder } from '../support/interrupted.ts';
import type { CaseResult } from './case.ts';
import { CASES } from './cases.ts';
import { ENGINE_CASES } from './engine/cases.ts';
import { type StandInProcess, startStandIn } from './orders.ts';

interface Line extends CaseResult {
  case: string;
  seed: number;
  rounds: number;
  passed: boolean;
  seconds: number;
}

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    only: { type: 'string' },
    rounds: { type: 'string', default: '10' },
    state: { type: 'string' },
    list: { type: 'boolean', default: false },
  },
});

const known = [...CASES.keys(), ...ENGINE_CASES.keys()];
const names = values.only === undefined ? known : values.only.split(',');
const unknown = names.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  process.stderr.write(`no such case: ${unknown.join(', ')}. There are ${known.join(', ')}.\n`);
  process.exit(2);
}
if (values.list) {
  process.stdout.write(`${names.join('\n')}\n`);
  process.exit(0);
}

const seed = Number(values.seed ?? Math.floor(Math.random() * 1e9));
const rounds = Number(values.rounds);
const stateFile = resolve(values.state ?? join(cacheDirectory(), 'faults', `seed-${seed}.jsonl`));
const say = (line: string): void => void process.stderr.write(`${line}\n`);

/** What this run and earlier ones of the same seed have come to; the last line of a case counts. */
async function earlier(): Promise<Map<string, Line>> {
  const lines = new Map<string, Line>();
  let text = '';
  try {
    text = await readFile(stateFile, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  for (const row of text.split('\n').filter((each) => each !== '')) {
    const line = JSON.parse(row) as Line;
    if (line.seed === seed) lines.set(line.case, line);
  }
  return lines;
}

/** The same faults for the same seed, whichever other cases run. */
const seedOf = (name: string): number => [...name].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) | 0, seed);

async function keepLogs(dir: string, name: string): Promise<string> {
  const kept = join(dirname(stateFile), `logs-${seed}`, name);
  await rm(kept, { recursive: true, force: true });
  await mkdir(kept, { recursive: true });
  for (const file of await readdir(dir, { recursive: true }))
    if (file.endsWith('.log')) await cp(join(dir, file), join(kept, file.replaceAll('/', '-')));
  return kept;
}

exitOnSignals();

async function runCase(name: string, source: StandInProcess | undefined): Promise<Line> {
  const scratch = await scratchFolder(`longshore-faults-${name}-`);
  const dir = scratch.path;
  const begun = Date.now();
  let result: CaseResult;
  try {
    const context = { dir, random: seededRandom(seedOf(name)), say: (text: string) => say(`  ${text}`) };
    const ofEngine = ENGINE_CASES.get(name);
    if (ofEngine) result = await ofEngine(context);
    else {
      await source!.clear();
      result = await CASES.get(name)!({ ...context, rounds, dataset, source: source! });
    }
  } catch (error) {
    result = { problems: [(error as Error).stack ?? String(error)], figures: {} };
  }
  const passed = result.problems.length === 0;
  if (!passed) say(`  logs are kept in ${await keepLogs(dir, name)}`);
  await scratch.remove();
  return { case: name, seed, rounds, passed, seconds: Math.round((Date.now() - begun) / 1000), ...result };
}

const lines = await earlier();
const dataset = kildaDataset();
say(`seed ${seed}; results in ${stateFile}`);
await mkdir(dirname(stateFile), { recursive: true });

const open = names.filter((name) => {
  const line = lines.get(name);
  const passed = line?.passed === true && line.rounds >= rounds;
  if (passed) say(`${name}: passed before`);
  return !passed;
});
if (open.length > 0) {
  await using source = open.some((name) => CASES.has(name)) ? await startStandIn({ kind: 'kilda', options: {} }) : undefined;
  for (const name of open) {
    say(`${name} …`);
    const line = await runCase(name, source);
    lines.set(name, line);
    await appendFile(stateFile, `${JSON.stringify(line)}\n`);
    say(`${name}: ${line.passed ? 'passed' : `FAILED\n  ${line.problems.join('\n  ')}`} (${line.seconds} s)`);
    if (!line.passed) say(`  again: pnpm faults --seed ${seed} --rounds ${rounds} --only ${name} --state ${stateFile}`);
  }
}

const rows = names.map((name) => lines.get(name)!);
const width = Math.max(...names.map((name) => name.length));
process.stdout.write(`seed ${seed}, ${rounds} rounds, ${dataset.points} points\n`);
for (const { case: name, passed, figures } of rows) {
  const told = Object.entries(figures).map(([figure, value]) => `${figure} ${value}`);
  process.stdout.write(`${name.padEnd(width)}  ${passed ? 'passed' : 'FAILED'}  ${told.join(', ')}\n`);
}
process.exitCode = rows.every(({ passed }) => passed) ? 0 : 1;
