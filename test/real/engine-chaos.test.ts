/** Half a minute of what `pnpm faults --only engine-kills` does for five: operations, targets, and something that kills. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seededRandom } from '@longshore/core';
import { expect, test } from 'vitest';
import { chaos } from '../faults/engine/chaos.ts';
import { realServer } from '../servers/real.ts';

const redis = await realServer('redis', { own: true });
const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 1e9));

test.skipIf(!redis.there)(
  `operations under kills end well, by the targets' own record (SEED=${seed})${redis.there ? '' : ` (${redis.reason})`}`,
  { timeout: 300_000 },
  async () => {
    if (redis.there) await redis.stop();
    const dir = await mkdtemp(join(tmpdir(), 'longshore-chaos-'));
    const lines: string[] = [];
    const { problems, figures } = await chaos({
      dir,
      random: seededRandom(seed),
      stormMs: 30_000,
      operations: 60,
      schedulers: 2,
      workers: 10,
      say: (line) => void lines.push(line),
    });
    expect(problems, `${lines.join('\n')}\n${JSON.stringify(figures)}`).toEqual([]);
    expect(figures.kills).toBeGreaterThan(5);
    expect(figures.succeeded).toBeGreaterThan(5);
    await rm(dir, { recursive: true, force: true });
  },
);
