/**
 * The way back of a migration that was stopped while its writes were denied: a worker that dies before or after every effect, while the guard is
 * closed and while the steps are taken back.
 */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type PegasusFleet, startPegasusFleet, TENTH_PARAMS } from '../../support/pegasus-fleet.ts';

/** Nothing here depends on how fast a server answers. */
const SPEED = 20;

let fleet: PegasusFleet;
const begin = async (): Promise<void> => {
  fleet = await startPegasusFleet({
    speed: SPEED,
    source: { tables: [{ name: 'temp', partitions: 2, committed: 100, writesPerSecond: 20 }] },
  });
};
beforeEach(begin);
afterEach(() => fleet[Symbol.asyncDispose]());

const migration = () => ({
  kind: 'pegasus.migrate-table',
  params: {
    table: 'temp',
    source: fleet.source.metas,
    meta: fleet.target.metas,
    cluster: 'onebox2',
    afterDrain: 'lift',
    ...TENTH_PARAMS,
  },
});

/** A migration that was cancelled when its writes had just been denied; gives its id. */
async function cancelled(): Promise<string> {
  const id = await fleet.submit(migration());
  let asked = false;
  fleet.around = async (effect, when) => {
    if (effect !== 'pegasus.deny-writes/deny' || when !== 'after' || asked) return;
    asked = true;
    await fleet.service.act(id, 'cancel', 'tester');
  };
  expect((await fleet.finished(id)).state).toBe('cancelled');
  return id;
}

/** `sorts` of the plan by task, and the closing. */
async function pointsOf(id: string, which: (task: string) => boolean): Promise<{ effect: string; when: 'before' | 'after' }[]> {
  const plan = await fleet.store.plan(id);
  const sorts = new Map(plan?.stages.flatMap(({ tasks = [] }) => tasks.map(({ id: task, task: sort }) => [task, sort] as const)));
  const entries = (await fleet.store.journal(id)).filter(({ task }) => which(task));
  return entries.flatMap(({ task, key }) => {
    const sort = task.startsWith('close-') ? 'pegasus.lift-denial' : sorts.get(task);
    return (['before', 'after'] as const).map((when) => ({ effect: `${sort}/${key}`, when }));
  });
}

async function expectAsBefore(id: string): Promise<void> {
  const { state } = fleet.source;
  const { history } = state;
  const table = state.table('temp');
  expect([table?.envs.get('replica.deny_client_request'), table?.duplications]).toEqual([undefined, []]);
  expect(history.filter((line) => line.startsWith('add '))).toHaveLength(1);
  expect(history.filter((line) => line.startsWith('DS_REMOVED'))).toHaveLength(1);
  expect((await fleet.service.get(id)).guards.filter(({ state: is }) => is === 'open')).toEqual([]);
}

test('a death before and after every effect of the way back, and of the closing before it', { timeout: 120_000 }, async () => {
  const model = await cancelled();
  await fleet.service.revert(model, 'somebody');
  expect((await fleet.finished(model)).state).toBe('reverted');
  const closing = await pointsOf(model, (task) => task.startsWith('close-'));
  const back = await pointsOf(model, (task) => task.startsWith('undo-'));
  expect([closing.length, back.length]).toEqual([2, 4]);
  for (const { effect, when } of [...closing, ...back]) {
    await fleet[Symbol.asyncDispose]();
    await begin();
    const early = closing.some((one) => one.effect === effect) ? fleet.dieAt(effect, when) : undefined;
    const id = await cancelled();
    const death = early ?? fleet.dieAt(effect, when);
    await fleet.service.revert(id, 'somebody');
    const header = await fleet.finished(id);
    expect([death.struck(), header.state, header.attention], `${when} ${effect}`).toEqual([true, 'reverted', undefined]);
    await expectAsBefore(id);
  }
  console.log(`${back.length} deaths on the way back, ${closing.length} while the guard was closed`);
});
