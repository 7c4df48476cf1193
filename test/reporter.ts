/**
 * Ends every test run with one plain line, `N passed, N failed` (`, N skipped` when there are any), whatever else is printed.
 *
 * Before it come a line for each recorded case (test/vectors/harness.ts) with its number of assertions, and a line for each file of which tests
 * were left out, with the reason where it is known.
 *
 * The last line is written when the process ends, so that nothing can come after it. A run that never got as far as its end, or that
 * ends with a failing exit code although no test failed, counts one failure: a crash must not look like success.
 */

import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Reporter, SerializedError, TestModule, Vitest } from 'vitest/node';
import type {} from './vectors/harness.ts'; // what a recorded case leaves in its test's meta

export interface Totals {
  passed: number;
  failed: number;
  skipped: number;
}

/** Counts tests by their end; an error outside a test (a module that does not load, a hook, an unhandled rejection) is a failure of its own. */
export function totals(modules: readonly TestModule[], unhandled: readonly SerializedError[]): Totals {
  const sum: Totals = { passed: 0, failed: unhandled.length, skipped: 0 };
  for (const module of modules) {
    sum.failed += module.errors().length;
    for (const suite of module.children.allSuites()) sum.failed += suite.errors().length;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      if (state === 'passed') sum.passed++;
      else if (state === 'failed') sum.failed++;
      else sum.skipped++; // skipped on purpose, or never reached because the run was stopped
    }
  }
  return sum;
}

export function summaryLine({ passed, failed, skipped }: Totals): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

/** A line for each recorded case that ran: its name, its number of assertions, and what they held it against. */
export function vectorLines(modules: readonly TestModule[]): string[] {
  const lines: string[] = [];
  for (const module of modules)
    for (const test of module.children.allTests()) {
      const { vector } = test.meta();
      if (vector) lines.push(`vector ${vector.name}: ${vector.assertions} assertions, ${vector.said}`);
    }
  return lines.sort();
}

/** Where `realServer` writes why a server is missing, a line each: the test files run in processes of their own. */
const REASONS = 'LONGSHORE_TEST_REASONS';

/** Tells the end of the run why what needs this server is left out. */
export function leaveOut(reason: string): void {
  const file = process.env[REASONS];
  if (file !== undefined) appendFileSync(file, `${reason}\n`);
}

/** A line for each file of which tests were skipped; then one for each server that is missing. */
export function leftOutLines(modules: readonly TestModule[], reasons: readonly string[]): string[] {
  const lines: string[] = [];
  for (const module of modules) {
    const results = [...module.children.allTests()].map((test) => test.result());
    const skipped = results.filter(({ state }) => state !== 'passed' && state !== 'failed');
    if (skipped.length === 0) continue;
    const notes = [...new Set(skipped.flatMap((result) => ('note' in result && result.note ? [result.note] : [])))];
    const why = notes.length > 0 ? ` (${notes.join('; ')})` : '';
    lines.push(`NOT TESTED: ${skipped.length} of ${results.length} tests of ${module.relativeModuleId}${why}`);
  }
  return [...lines.sort(), ...[...new Set(reasons)].sort().map((reason) => `NOT TESTED: ${reason}`)];
}

export default class SummaryReporter implements Reporter {
  #last: Totals | undefined;
  #folder: string | undefined;

  onInit(vitest: Vitest): void {
    if (vitest.config.watch) return;
    this.#folder = mkdtempSync(join(tmpdir(), 'longshore-test-reasons-'));
    process.env[REASONS] = join(this.#folder, 'reasons');
    process.once('exit', (code) => {
      if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
      const sum = this.#last ?? { passed: 0, failed: 0, skipped: 0 };
      const crashed = this.#last === undefined || (code !== 0 && sum.failed === 0);
      process.stdout.write(`${summaryLine(crashed ? { ...sum, failed: sum.failed + 1 } : sum)}\n`);
    });
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    this.#last = totals(modules, unhandled);
    const file = process.env[REASONS];
    const reasons = file !== undefined && existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : [];
    for (const line of [...vectorLines(modules), ...leftOutLines(modules, reasons)]) process.stdout.write(`${line}\n`);
  }
}
