/**
 * Recorded cases as tests: one for every JSON file in `test/vectors/<system>/`, so that more can be dropped in.
 *
 * A file must make assertions: one that makes none fails, and so does one of a shape nobody knows. After the run a line for each file tells
 * how many it made and what was held against what (see test/reporter.ts).
 */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

export interface Vector {
  file: string;
  /** What the file holds; whoever runs it checks its shape. */
  data: unknown;
}

/** What a case was held against, told beside its number of assertions: `as the original` or `better: the original loses the last line`. */
export type Said = string;

declare module 'vitest' {
  interface TaskMeta {
    vector?: { name: string; assertions: number; said: Said };
  }
}

/** Every case of a system, in the order of the file names. */
export function vectorsOf(system: string): Vector[] {
  const folder = new URL(`./${system}/`, import.meta.url);
  return readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => ({ file, data: JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as unknown }));
}

export interface Suite {
  /** Makes the assertions of one file and says what they hold it against; throws for a shape it does not know. */
  run(vector: Vector): Promise<Said>;
  /** Files that are no cases, each with what it is: a description, or observations that hold no expectation. */
  noCase?(vector: Vector): string | undefined;
  /** Why a case cannot run on this machine: the reason of a server that is not there. Such a case is skipped and told at the end of the run. */
  cannotRun?(vector: Vector): string | undefined;
}

/** Declares the tests of a system's cases. */
export function vectorSuite(system: string, { run, noCase, cannotRun }: Suite): void {
  describe(`vectors of ${system}`, () => {
    const all = vectorsOf(system);
    test('there are cases', () => expect(all.length).toBeGreaterThan(0));
    for (const vector of all) {
      const name = `${system}/${vector.file}`;
      const other = noCase?.(vector);
      test(other === undefined ? vector.file : `${vector.file} is no case`, async ({ task, skip }) => {
        const missing = other === undefined ? cannotRun?.(vector) : undefined;
        if (missing !== undefined) skip(missing);
        const said = other ?? (await run(vector));
        const assertions = expect.getState().assertionCalls;
        if (other === undefined && assertions === 0) throw new Error(`${name} made no assertion`);
        task.meta.vector = { name, assertions, said: other === undefined ? said : `no case: ${other}` };
      });
    }
  });
}
