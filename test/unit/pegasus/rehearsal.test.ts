/** A table is duplicated, denied, drained; without a meta proxy, so that no ZooKeeper is needed. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type PegasusFleet, startPegasusFleet, TENTH_PARAMS } from '../../support/pegasus-fleet.ts';

let fleet: PegasusFleet;
beforeEach(async () => {
  fleet = await startPegasusFleet({ source: { tables: [{ name: 'temp', partitions: 4, committed: 100, writesPerSecond: 20 }] } });
});
afterEach(() => fleet[Symbol.asyncDispose]());

const migration = (params: object = {}) => ({
  kind: 'pegasus.migrate-table',
  params: { table: 'temp', source: fleet.source.metas, meta: fleet.target.metas, cluster: 'onebox2', ...TENTH_PARAMS, ...params },
});

test('a rehearsal denies, drains, and lets clients write again', async () => {
  const header = await fleet.run(migration({ afterDrain: 'lift' }));
  expect([header.state, header.error]).toEqual(['succeeded', undefined]);
  expect(fleet.source.state.history).toEqual(['add temp onebox2', 'deny temp timeout*write', 'deny temp nothing']);
});
