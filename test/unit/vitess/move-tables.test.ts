/** Tables move to another keyspace while clients write to them. */
import { keepWriting } from '@longshore/sandbox';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { World } from './world.ts';
import { errorOf, expectServed, KEYSPACE, startWorld, UNSHARDED } from './world.ts';

let world: World;
beforeEach(async () => {
  world = await startWorld();
  await world.writer.stop();
  world.cluster.topology.keyspace(KEYSPACE).vschema.set('product', true);
  world.writer = keepWriting(world.cluster, UNSHARDED, 'product');
});
afterEach(() => world[Symbol.asyncDispose]());

const MOVE = {
  kind: 'vitess.move-tables',
  params: {
    cluster: 'vt',
    sourceKeyspace: UNSHARDED,
    targetKeyspace: KEYSPACE,
    tables: ['product'],
    workflow: 'mv',
    vtgates: ['gate'],
    watchMs: 20,
    pollMs: 10,
  },
};

test('clients find them at the target under either name, and the source has them no more', async () => {
  expect(errorOf(await world.fleet.run(MOVE))).toEqual(['succeeded', undefined]);
  expect([...world.cluster.topology.shard(UNSHARDED, '0').tables.keys()]).toEqual([]);
  await expectServed(world);
});

test('taken back after the writes were switched, nothing that was written meanwhile is lost', async () => {
  const { id, state } = await world.fleet.run({ ...MOVE, params: { ...MOVE.params, complete: false } });
  expect(state).toBe('succeeded');
  await world.writer.reached(world.writer.acknowledged + 20);
  await world.fleet.service.revert(id, 'tester');
  expect((await world.fleet.finished(id)).state).toBe('reverted');
  expect(world.cluster.topology.route(UNSHARDED, 'product', '1', 'PRIMARY').keyspace).toBe(UNSHARDED);
  expect(world.cluster.workflows.all).toEqual([]);
  await expectServed(world);
});

test('a switch of writes that stands half-way is finished by the same call', async () => {
  world.vtctld.failSwitch('after-journal');
  expect(errorOf(await world.fleet.run(MOVE))).toEqual(['succeeded', undefined]);
  await expectServed(world);
});

test('a switch that a dead tablet leaves unanswered: its guard is closed by the routing rules, and with the tablet back it is taken back', async () => {
  const { primary } = world.cluster.topology.shard(KEYSPACE, '-');
  const switches = (): number => world.vtctld.calls.filter(({ method }) => method === 'WorkflowSwitchTraffic').length;
  world.fleet.around = async (effect, when) => {
    if (effect !== 'vitess.switch-writes/writes' || when !== 'before') return;
    // From here vtctld answers nothing about the workflow, neither its state nor a switch.
    Object.assign(primary!, { down: true });
    const before = switches();
    void (async () => {
      while (switches() === before) await world.cluster.nextTick();
      const [{ id } = { id: '' }] = (await world.fleet.service.list({ limit: 1 })).operations;
      await world.fleet.service.act(id, 'cancel', 'tester');
    })();
  };
  const { id, state, attention } = await world.fleet.run(MOVE);
  expect([state, attention]).toEqual(['cancelled', undefined]);
  expect((await world.fleet.service.get(id)).guards.map((guard) => guard.state)).toEqual(['closed']);
  Object.assign(primary!, { down: false });
  world.fleet.around = async () => undefined;
  await world.fleet.service.revert(id, 'tester');
  expect((await world.fleet.finished(id)).state).toBe('reverted');
  expect(world.cluster.topology.route(UNSHARDED, 'product', '1', 'PRIMARY').keyspace).toBe(UNSHARDED);
  await expectServed(world);
});
