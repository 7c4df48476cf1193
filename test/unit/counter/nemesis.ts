/**
 * One move of a counter under seeded trouble: faults of both services, deliveries that come twice, a pause, drain or cancel in the middle,
 * sometimes taken back at the end. Whatever it comes to, the clients can write afterwards, and what they were told is in the counter.
 */
import type { OperationHeader, Random } from '@longshore/core';
import { seededRandom } from '@longshore/core';
import { NothingToRevert, WrongState } from '@longshore/operations';
import type { Effect, Fault, Traffic } from '@longshore/sandbox';
import { keepAdding } from '@longshore/sandbox';
import { until } from '../../support/until.ts';
import type { CounterFleet } from './fleet.ts';
import { startCounterFleet } from './fleet.ts';

const FIRST = 1_000;
const MATCHES = [/^PUT .*denial/, /^PUT .*route/, /^PUT .*hits\?/, /^DELETE/, /^GET/];
const ACTIONS = ['none', 'none', 'pause', 'drain', 'cancel', 'cancel'] as const;
/** Effects are around twenty in a move. */
const HOOKS = 14;

type Pick = <T>(all: readonly T[]) => T;

function effectOf(pick: Pick, random: Random): Effect {
  return pick<() => Effect>([
    () => ({ kind: 'reset-before' }),
    () => ({ kind: 'reset-after' }),
    () => ({ kind: 'status', status: 503 }),
    () => ({ kind: 'late', landsAfterMs: 200 + Math.floor(random.next() * 2_000), reply: pick(['none', 'reset']) }),
    () => ({ kind: 'truncate', afterBytes: 5, ending: 'clean' }),
    () => ({ kind: 'delay', ms: Math.floor(random.next() * 300) }),
    () => ({ kind: 'reply', status: 400, body: '{}' }),
  ])();
}

/** What is wrong afterwards; nothing, as a rule. `told`: what was done, for the one who looks for the reason. */
export async function moveUnderTrouble(seed: number): Promise<{ problems: string[]; told: string[] }> {
  const random = seededRandom(seed);
  const pick: Pick = (all) => all[Math.floor(random.next() * all.length)]!;
  const told: string[] = [`seed ${seed}`];
  await using fleet = await startCounterFleet({ a: { hits: FIRST }, b: {} });
  const traffic = keepAdding({ service: fleet.services.a!.url, counter: 'hits', restMs: 10 });
  try {
    const faults = trouble(fleet, pick, random, told);
    strike(fleet, pick, random, told);
    const { id } = await fleet.service.submit({
      kind: 'counter.move',
      params: { source: 'a', sink: 'b', counters: ['hits'] },
      owner: 'tester',
    });
    let header = await fleet.finished(id, ({ endedAt, state }) => endedAt !== undefined || state === 'paused');
    if (header.state === 'paused') {
      await fleet.service.act(id, 'resume', 'tester');
      header = await fleet.finished(id);
    }
    told.push(`${header.state} ${header.error?.code ?? ''}`);
    for (const { rule, late } of faults) {
      if (late) await rule.landed(rule.hits);
      rule.remove();
    }
    const problems = await wrongWith(fleet, traffic, 'at the end');
    if (problems.length > 0 || random.next() < 0.5 || !(await revert(fleet, header))) return { problems, told };
    told.push('taken back');
    problems.push(...(await wrongWith(fleet, traffic, 'when it was taken back')));
    if (traffic.service !== fleet.services.a!.url) problems.push('the clients have not come home');
    return { problems, told };
  } finally {
    await traffic.stop();
  }
}

function trouble(fleet: CounterFleet, pick: Pick, random: Random, told: string[]): { rule: Fault; late: boolean }[] {
  return Array.from({ length: Math.floor(random.next() * 4) }, () => {
    const match = pick(MATCHES);
    const wanted = effectOf(pick, random);
    const effect: Effect = wanted.kind === 'late' && match.source === '^GET' ? { kind: 'reset-before' } : wanted;
    const where = pick(['a', 'b'] as const);
    // Every third at the most: a service that never answers is a matter for a person, and takes until the tries are used up.
    const every = pick([0, 3, 4, 5]);
    const { knobs } = fleet.services[where]!;
    told.push(`${where} ${match.source} ${every === 0 ? 'once' : `every ${every}`}: ${JSON.stringify(effect)}`);
    return { rule: every === 0 ? knobs.once(match, effect) : knobs.everyNth(every, match, effect), late: effect.kind === 'late' };
  });
}

/** Orders and second deliveries, around the effects. */
function strike(fleet: CounterFleet, pick: Pick, random: Random, told: string[]): void {
  const action = pick(ACTIONS);
  const at = 1 + Math.floor(random.next() * HOOKS);
  const again = pick([0, 0.3]);
  let hooks = 0;
  fleet.around = async (effect, when) => {
    hooks += 1;
    const [{ id } = { id: '' }] = (await fleet.service.list({ limit: 1 })).operations;
    if (hooks === at && action !== 'none') {
      told.push(`${action} ${when} ${effect}`);
      await fleet.service.act(id, action, 'tester').catch((error: unknown) => {
        if (!WrongState.is(error)) throw error;
      });
    }
    if (random.next() < again)
      for (const [task, { round }] of (await fleet.store.load(id))!.tasks) fleet.transport.repeat('migrator', `${id}.${task}.${round}`);
  };
}

async function wrongWith(fleet: CounterFleet, traffic: Traffic, when: string): Promise<string[]> {
  const before = traffic.acknowledged;
  try {
    await until(() => traffic.acknowledged >= before + 10, `clients write ${when}`);
  } catch (error) {
    const states = Object.entries(fleet.services).map(([name, { store }]) => `${name}: ${JSON.stringify(store.view('hits'))}`);
    return [`${(error as Error).message} (${states.join(', ')})`];
  }
  const service = Object.values(fleet.services).find(({ url }) => url === traffic.service)!;
  // Read first: what is acknowledged in between makes the value larger only.
  const acknowledged = FIRST + traffic.acknowledged;
  const { value } = service.store.view('hits');
  const onTheirWay = 2;
  const wrong = value === null || value < acknowledged || value > acknowledged + traffic.unknown + onTheirWay;
  return wrong ? [`${when} ${traffic.service} holds ${value}, and ${acknowledged} are acknowledged`] : [];
}

/** False when there was nothing to take back. */
async function revert(fleet: CounterFleet, { id, planHash }: OperationHeader): Promise<boolean> {
  if (planHash === undefined) return false;
  try {
    await fleet.service.revert(id, 'tester');
  } catch (error) {
    if (NothingToRevert.is(error) || WrongState.is(error)) return false;
    throw error;
  }
  await fleet.finished(id);
  return true;
}
