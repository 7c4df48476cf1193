/**
 * `pnpm check`: everything that must hold besides the tests. Runs every step even when one fails, shows what a failing one said,
 * and ends with one line: `N passed, N failed` and the names. Exit code 1 when any failed.
 *
 * `pnpm check types docs` runs only the steps named.
 */
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { delimiter, join } from 'node:path';
import { performance } from 'node:perf_hooks';

interface Step {
  name: string;
  /** What a person runs to see it alone, or to mend it. */
  mend: string;
  command: readonly [program: string, ...args: string[]];
}

const STEPS: readonly Step[] = [
  { name: 'lint', mend: 'pnpm exec biome check --write', command: ['biome', 'check', '--error-on-warnings'] },
  { name: 'types', mend: 'pnpm exec tsc -b', command: ['tsc', '-b'] },
  { name: 'architecture', mend: 'see test/architecture/layers.ts', command: ['vitest', 'run', '--project', 'unit', 'test/architecture'] },
  { name: 'unused', mend: 'pnpm exec knip', command: ['knip', '--no-progress'] },
  { name: 'error-docs', mend: 'node test/docs/errors.ts --write', command: ['node', 'test/docs/errors.ts', '--check'] },
  { name: 'settings-schema', mend: 'node test/docs/settings.ts --write', command: ['node', 'test/docs/settings.ts', '--check'] },
  { name: 'openapi', mend: 'node test/docs/openapi.ts --write', command: ['node', 'test/docs/openapi.ts', '--check'] },
  { name: 'cli-docs', mend: 'node test/docs/cli.ts --write', command: ['node', 'test/docs/cli.ts', '--check'] },
  { name: 'changelog', mend: 'node test/docs/changelog.ts --write', command: ['node', 'test/docs/changelog.ts', '--check'] },
  { name: 'lockfile', mend: 'npx -y pnpm@12 install, then see what it wrote', command: ['node', 'test/docs/lockfile.ts'] },
];

/** Kept of one step's output; a step that says more than this is cut at the front. */
const OUTPUT_CHARS = 60_000;

const ROOT = join(import.meta.dirname, '..');

interface Result {
  step: Step;
  ok: boolean;
  output: string;
  ms: number;
}

async function run(step: Step): Promise<Result> {
  const [program, ...args] = step.command;
  const started = performance.now();
  const PATH = [join(ROOT, 'node_modules', '.bin'), process.env.PATH ?? ''].join(delimiter);
  let output = '';
  const exit = await new Promise<string>((resolve) => {
    const child = spawn(program, args, { cwd: ROOT, env: { ...process.env, PATH }, stdio: ['ignore', 'pipe', 'pipe'] });
    const take = (chunk: Buffer): void => {
      output = (output + chunk.toString()).slice(-OUTPUT_CHARS);
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.once('error', (error) => resolve(`could not be started: ${error.message}`));
    child.once('close', (code, signal) => resolve(code === 0 ? '' : `ended with ${signal ?? `exit code ${code}`}`));
  });
  const ok = exit === '';
  return {
    step,
    ok,
    output: ok ? output : `${output.trimEnd()}\n${step.name} ${exit}; to mend it: ${step.mend}`,
    ms: performance.now() - started,
  };
}

/** Runs the steps, a few at a time, and reports each in the order of the list as soon as it and those before it are done. */
async function main(names: readonly string[]): Promise<number> {
  const unknown = names.filter((name) => !STEPS.some((step) => step.name === name));
  if (unknown.length > 0) {
    console.error(`no such check: ${unknown.join(', ')}; there are ${STEPS.map(({ name }) => name).join(', ')}`);
    return 2;
  }
  const steps = names.length === 0 ? STEPS : STEPS.filter(({ name }) => names.includes(name));
  const results: Result[] = [];
  const lanes = Math.min(2, availableParallelism());
  const waiting = steps.map((step) => ({ step, ...Promise.withResolvers<Result>() }));
  const queue = [...waiting];
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next; next = queue.shift()) next.resolve(await run(next.step));
  };
  const working = Promise.all(Array.from({ length: lanes }, work));
  for (const { promise } of waiting) {
    const result = await promise;
    results.push(result);
    console.log(`${result.ok ? 'ok    ' : 'FAILED'} ${result.step.name.padEnd(14)} ${(result.ms / 1000).toFixed(1)} s`);
    if (!result.ok) console.log(`\n${result.output.trim()}\n`);
  }
  await working;
  const failed = results.filter(({ ok }) => !ok).map(({ step }) => step.name);
  const passed = results.filter(({ ok }) => ok).map(({ step }) => step.name);
  const words = [failed.length > 0 ? `failed: ${failed.join(', ')}` : '', passed.length > 0 ? `passed: ${passed.join(', ')}` : ''];
  console.log(`check: ${passed.length} passed, ${failed.length} failed (${words.filter(Boolean).join('; ')})`);
  return failed.length > 0 ? 1 : 0;
}

process.exitCode = await main(process.argv.slice(2));
