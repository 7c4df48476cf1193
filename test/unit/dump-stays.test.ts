/** A dump may be the only copy: what a restore could not bring into the sink stays in the spool. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { startOpenTsdb } from '@longshore/sandbox';
import { expect, test } from 'vitest';
import { tsdbOperations } from '../support/tsdb-operations.ts';

const HOUR_MS = 3_600_000;
const START_MS = Date.UTC(2026, 0, 1);
const WINDOW = { startMs: START_MS, stopMs: START_MS + 2 * HOUR_MS, intervalMs: HOUR_MS };

test('a batch of which text for tsdb import leaves points out stays, and the others are put away', async () => {
  const path = await mkdtemp(join(tmpdir(), 'longshore-dump-stays-'));
  try {
    await using operations = await tsdbOperations(join(path, 'spool'));
    await using source = await startOpenTsdb();
    source.store.add({
      metric: 'kilda.a',
      tags: { host: 'a' },
      points: [
        [START_MS, '1'],
        [START_MS + HOUR_MS, '2'],
      ],
    });
    source.store.add({ metric: 'kilda.b', tags: { host: 'a' }, points: [[START_MS, '1E39']] });
    const { id: from } = await operations.run('tsdb.dump', { source: source.url, ...WINDOW });
    const restoring = { from, sink: pathToFileURL(join(path, 'out')).href, via: 'text' };
    const restored = await operations.run('tsdb.restore', restoring);
    expect(restored.header.error).toMatchObject({ code: 'LSH_TSDB_INCOMPLETE' });
    expect(restored.totals).toMatchObject({ unsendable: 1, verified: 2 });
    expect(restored.notes).toContainEqual(expect.objectContaining({ text: expect.stringMatching(/^batches of .* \(1\) stay/) }));
    const { totals } = await operations.run('tsdb.inspect', { from });
    expect(totals).toMatchObject({ points: 2 });
    const again = await operations.run('tsdb.restore', { ...restoring, existing: 'fill' });
    expect(again.header.error, 'it is not taken for whole').toMatchObject({ code: 'LSH_TSDB_INCOMPLETE' });
  } finally {
    await rm(path, { recursive: true, force: true });
  }
});
