/** A few of the cases of `pnpm faults`, on a small part of the data set: real servers, separate processes, each struck while it works. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seededRandom } from '@longshore/core';
import { findRedis, findVictoriaMetrics, ProgramMissing } from '@longshore/programs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { kildaDataset } from '../dataset/index.ts';
import { CASES } from '../faults/cases.ts';
import { type StandInProcess, startStandIn } from '../faults/orders.ts';

const SEED = 20_261_120;
const PART = { days: 1, seriesCount: 40 };
const SELECTED = ['kill-dumper', 'kill-restorer', 'kill-redis', 'stop-restorer', 'source-every-fifth', 'resubmit-after-failure'];

/** Why the cases cannot run here; undefined when they can. */
async function obstacle(): Promise<string | undefined> {
  try {
    await Promise.all([findRedis(), findVictoriaMetrics()]);
    return undefined;
  } catch (error) {
    if (!ProgramMissing.is(error) || process.env.LONGSHORE_REQUIRE_REAL === '1') throw error;
    process.stderr.write(`SKIPPING the fault tests: ${error.message}\n`);
    return error.message;
  }
}

const absent = await obstacle();

describe.skipIf(absent !== undefined)(`nothing lost, moved or doubled${absent === undefined ? '' : ` (${absent})`}`, () => {
  const dataset = kildaDataset(PART);
  let source: StandInProcess;
  let dir: string;

  beforeAll(async () => {
    source = await startStandIn({ kind: 'kilda', options: PART });
    dir = await mkdtemp(join(tmpdir(), 'longshore-faults-'));
  });
  afterAll(async () => {
    await source?.[Symbol.asyncDispose]();
    if (dir) await rm(dir, { recursive: true, force: true });
  });

  test.each(SELECTED)('%s', async (name) => {
    await source.clear();
    const context = {
      dir: join(dir, name),
      random: seededRandom(SEED),
      rounds: 1,
      dataset,
      source,
      settleMs: 500,
      say: (line: string) => void process.stderr.write(`${line}\n`),
    };
    const { problems } = await CASES.get(name)!(context);
    expect(problems, `seed ${SEED}`).toEqual([]);
  });
});
