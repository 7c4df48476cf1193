/** Names that an OpenTSDB takes and does not keep. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startOpenTsdb } from '@longshore/sandbox';
import { expect, test } from 'vitest';
import { tsdbOperations } from '../support/tsdb-operations.ts';

const START_MS = Date.UTC(2026, 0, 1);

test('a restore into OpenTSDB says which metrics have names that it stores with question marks', async () => {
  const path = await mkdtemp(join(tmpdir(), 'longshore-names-'));
  await using source = await startOpenTsdb();
  await using sink = await startOpenTsdb();
  const names: [string, string][] = [
    ['kilda.größe', 'ÿ'],
    ['kilda.日本', 'a'],
    ['kilda.tag', 'Ωmega'],
  ];
  for (const [metric, host] of names) source.store.add({ metric, tags: { host }, points: [[START_MS, '1']] });
  try {
    await using operations = await tsdbOperations(path);
    const window = { startMs: START_MS, stopMs: START_MS + 1_000, intervalMs: 1_000, settleMs: 0 };
    const { header, notes, totals } = await operations.run('tsdb.migrate', { source: source.url, sink: sink.url, ...window });
    expect(header.state).toBe('succeeded');
    expect(totals).toMatchObject({ restored: 3, verified: 3 });
    const told = notes.map(({ level, row, text }) => [level, row, /of "(.*)"$/.exec(text)?.[1]]);
    expect(told.sort()).toEqual([
      ['warning', 'kilda.tag', 'Ωmega'],
      ['warning', 'kilda.日本', 'kilda.日本'],
    ]);
  } finally {
    await rm(path, { recursive: true, force: true });
  }
});
