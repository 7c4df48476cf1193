/**
 * Every place at which a worker may die while a base is moved: before and after each change it makes, as the journal names them. The list is
 * taken from a run in which nobody dies; then the same move is made once for each, and goes on or is taken back.
 */
import type { OperationHeader } from '@longshore/core';
import { NothingToRevert } from '@longshore/operations';
import { wrongWith } from './checks.ts';
import type { OpenIoFleet } from './fleet.ts';
import { makeContainer, startFleet } from './fleet.ts';

export const [A, B, C, D] = ['127.0.0.1:16020', '127.0.0.1:16021', '127.0.0.1:16022', '127.0.0.1:16023'] as const;
const OLD = [A, B, C];
const NEW = [B, C, D];
/**
 * Pauses and deadlines of handlers are made for real services. By hand less is waited, and more done: the greatest times of what closes a
 * guard must not become too short for a busy machine.
 */
const SPEED: Readonly<Record<Mode, number>> = { native: 20, manual: 5 };

export type Mode = 'native' | 'manual';
export interface Point {
  /** `openio.move/force` */
  effect: string;
  when: 'before' | 'after';
}

function submission(fleet: OpenIoFleet, mode: Mode) {
  return {
    kind: 'openio.move-base',
    params: { ...fleet.where, account: 'acct', container: 'c1', from: A, to: D, mode, maxFrozenMs: 3_600_000 },
  };
}

async function start(mode: Mode): Promise<OpenIoFleet> {
  const fleet = await startFleet({ services: [A, B, C, D], speed: SPEED[mode] });
  await makeContainer(fleet, 'c1', OLD);
  return fleet;
}

/** All of a run in which nobody dies. */
export async function pointsOf(mode: Mode): Promise<Point[]> {
  await using fleet = await start(mode);
  const points = new Map<string, Point>();
  fleet.around = async (effect, when) => void points.set(`${effect} ${when}`, { effect, when });
  const { state, error } = await fleet.run(submission(fleet, mode));
  if (state !== 'succeeded') throw new Error(`it ended ${state} (${error?.message})`);
  return [...points.values()];
}

/** The worker at this point never comes back; another takes its task over. What is wrong at the end. */
export async function goesOn(mode: Mode, point: Point): Promise<string[]> {
  await using fleet = await start(mode);
  const died = dieAt(fleet, point, async (id) => {
    for (const [task, { round }] of (await fleet.store.load(id))!.tasks) fleet.transport.repeat('rebalancer', `${id}.${task}.${round}`);
  });
  const { state, error } = await fleet.run(submission(fleet, mode), isOver);
  return [
    ...died.problems(),
    ...(state === 'succeeded' ? [] : [`it ended ${state}: ${error?.message}`]),
    ...(await wrongWith(fleet, 'c1', NEW)),
  ];
}

/** The worker at this point never comes back, and a person stops the move and takes it back. What is wrong at the end. */
export async function isTakenBack(mode: Mode, point: Point): Promise<string[]> {
  await using fleet = await start(mode);
  const died = dieAt(fleet, point, (id) => fleet.service.act(id, 'cancel', 'tester'));
  const { id, state } = await fleet.run(submission(fleet, mode), isOver);
  const problems = died.problems();
  if (state !== 'cancelled') return [...problems, `it ended ${state}`];
  const reverted = await revert(fleet, id);
  if (reverted && reverted.state !== 'reverted') problems.push(`it was not taken back: ${reverted.state} ${reverted.error?.message}`);
  return [...problems, ...(await wrongWith(fleet, 'c1', OLD))];
}

/** Also when it waits for a person, which must not be. */
const isOver = ({ endedAt, state }: OperationHeader): boolean => endedAt !== undefined || state === 'needs-attention';

async function revert(fleet: OpenIoFleet, id: string): Promise<OperationHeader | undefined> {
  try {
    await fleet.service.revert(id, 'tester');
  } catch (error) {
    if (NothingToRevert.is(error)) return undefined;
    throw error;
  }
  return fleet.finished(id, ({ endedAt, state }) => (endedAt !== undefined && state !== 'reverting') || state === 'needs-attention');
}

function dieAt(fleet: OpenIoFleet, point: Point, then: (id: string) => Promise<unknown>): { problems(): string[] } {
  let died = false;
  fleet.around = async (effect, when) => {
    if (died || effect !== point.effect || when !== point.when) return;
    died = true;
    const [{ id } = { id: '' }] = (await fleet.service.list({ limit: 1 })).operations;
    await then(id);
    await new Promise<never>((_, reject) => fleet.ended.addEventListener('abort', () => reject(new Error('it is dead')), { once: true }));
  };
  return { problems: () => (died ? [] : ['the point never came']) };
}
