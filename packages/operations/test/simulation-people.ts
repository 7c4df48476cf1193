/** People: they submit, approve, and change their minds; some of them ask for what cannot be. */
import type { ApprovalPolicy, OperationState, Random } from '@longshore/core';
import { FINAL_STATES } from '@longshore/core';
import type { Action, Service, Submission } from '../src/index.ts';
import type { World } from './simulation.ts';
import type { GuardedChecks } from './simulation-guarded-check.ts';

/** Tried until an answer comes, however often the API dies: an accepted submission is there, and it is there once. */
export async function submit(world: World, submission: Submission): Promise<string> {
  const idempotencyKey = `key-${world.watch.ids.length}-${world.random.id(4)}`;
  const done = world.expect();
  for (;;) {
    const made = await world.ask((service) => service.submit({ ...submission, idempotencyKey }));
    if (made) {
      done();
      return made.id;
    }
    await world.clock.sleep(1_000);
  }
}

function choose<T>(random: Random, chances: readonly (readonly [T, number])[]): T {
  let left = random.next() * chances.reduce((sum, [, chance]) => sum + chance, 0);
  for (const [one, chance] of chances) {
    left -= chance;
    if (left < 0) return one;
  }
  return chances[0]![0];
}

export async function cargoPeople(world: World): Promise<void> {
  const { random, clock } = world;
  const count = 1 + Math.floor(random.next() * 3);
  const ids: string[] = [];
  // The last may come long after the first has ended, where the API is frozen meanwhile.
  const allSubmitted = world.expect();
  for (let at = 0; at < count; at += 1) {
    await clock.sleep(Math.floor(random.next() * 10_000));
    const mode = random.next() < 0.15 ? 'plan' : 'run';
    ids.push(await submit(world, { kind: 'sim.move', params: { number: at }, mode, owner: 'person' }));
  }
  allSubmitted();
  const act = (id: string, action: Action): Promise<unknown> => world.ask((service) => service.act(id, action, 'person'));
  for (;;) {
    await clock.sleep(2_000 + Math.floor(random.next() * 20_000));
    if (!world.stormy) break;
    const action = choose<Action>(random, [
      ['pause', 30],
      ['resume', 30],
      ['drain', 10],
      ['cancel', 10],
      ['start', 15],
      ['discard', 5],
    ]);
    await act(ids[Math.floor(random.next() * ids.length)]!, action);
  }
  for (;;) {
    for (const id of ids) for (const action of ['resume', 'start'] as const) await act(id, action);
    await clock.sleep(10_000);
  }
}

/** At most this many guarded operations in one world. */
const OPERATIONS = 4;

type Wish = Action | 'approve' | 'replan' | 'revert' | 'retry' | 'take-over' | 'submit' | 'take-back' | 'nothing';

type Chances = readonly (readonly [Wish, number])[];

const CHANCES: Partial<Record<OperationState, Chances>> = {
  'awaiting-approval': [
    ['approve', 70],
    ['cancel', 5],
    ['pause', 10],
    ['submit', 15],
  ],
  planned: [
    ['start', 20],
    ['replan', 10],
    ['discard', 5],
    ['cancel', 5],
    ['pause', 10],
    ['submit', 20],
    ['nothing', 40],
  ],
  'needs-attention': [
    ['take-over', 30],
    ['retry', 50],
    ['cancel', 20],
  ],
};
const OVER: Chances = [
  ['revert', 40],
  ['retry', 50],
  ['submit', 35],
];
const RUNNING: Chances = [
  ['pause', 25],
  ['resume', 40],
  ['drain', 5],
  ['cancel', 8],
  ['take-back', 10],
  ['approve', 8],
  ['retry', 8],
  ['submit', 10],
];

function wishesIn(state: OperationState): Chances {
  return CHANCES[state] ?? (FINAL_STATES.has(state) ? OVER : RUNNING);
}

export async function guardedPeople(world: World, checks: GuardedChecks): Promise<void> {
  const { random, clock, watch } = world;
  let number = 0;
  const policies: readonly ApprovalPolicy[] = ['none', 'none', 'cutover', 'every-stage'];
  const another = async (): Promise<void> => {
    const approvals = policies[Math.floor(random.next() * policies.length)]!;
    checks.asked(number, approvals);
    const submission: Submission = { kind: 'sim.switch', params: { number }, owner: 'person', approvals };
    number += 1;
    if (random.next() < 0.35) submission.mode = 'plan';
    if (random.next() < 0.12) submission.deadlineMs = 10_000 + Math.floor(random.next() * 60_000);
    await submit(world, submission);
  };
  const approve = async (service: Service, id: string): Promise<unknown> =>
    watch.headers.get(id)?.awaits ? service.approve(id, { by: 'somebody', reason: 'it is time', lifeMs: 30_000 }) : undefined;
  const takeOver = async (id: string): Promise<void> => {
    if (watch.headers.get(id)?.state !== 'needs-attention') return;
    // The answer may get lost; that it was taken over is seen in the store.
    await world.ask((service) => service.takeOver(id, 'somebody', 'ended by hand'));
    checks.mend(id);
  };
  /** Somebody in a hurry: what has just been stopped is to be taken back at once. */
  const takeBack = async (id: string): Promise<void> => {
    await world.ask((service) => service.act(id, 'cancel', 'person'));
    for (let tries = 0; tries < 20 && world.stormy; tries += 1) {
      await clock.sleep(500);
      if (watch.headers.get(id)?.endedAt === undefined || !world.stormy) continue;
      await world.ask((service) => service.revert(id, 'person'));
      return;
    }
  };
  await another();
  await another();
  for (;;) {
    await clock.sleep(500 + Math.floor(random.next() * 8_000));
    if (!world.stormy) break;
    const id = watch.ids[Math.floor(random.next() * watch.ids.length)]!;
    const wish = choose(random, wishesIn(watch.headers.get(id)!.state));
    if (wish === 'nothing') continue;
    if (wish === 'take-back') await takeBack(id);
    else if (wish === 'submit') {
      if (number < OPERATIONS) await another();
    } else if (wish === 'approve') await world.ask((service) => approve(service, id));
    else if (wish === 'replan') await world.ask((service) => service.act(id, 'start', 'person', { replan: true }));
    else if (wish === 'revert') await world.ask((service) => service.revert(id, 'person'));
    else if (wish === 'retry') await world.ask((service) => service.retry(id, 'person'));
    else if (wish === 'take-over') await takeOver(id);
    else await world.ask((service) => service.act(id, wish, 'person'));
  }
  for (;;) {
    for (const id of watch.ids) {
      const { state, endedAt } = watch.headers.get(id)!;
      if (endedAt !== undefined) continue;
      if (state === 'planned') await world.ask((service) => service.act(id, 'start', 'person', { replan: true }));
      else {
        await world.ask((service) => approve(service, id));
        await world.ask((service) => service.act(id, 'resume', 'person'));
      }
    }
    await clock.sleep(5_000);
  }
}
