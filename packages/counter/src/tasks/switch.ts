/**
 * Sends the clients of a counter to the sink.
 *
 * Changes: the counter's route on the source.
 * Twice is harmless: the route is set, not toggled.
 * Inside the guard: writes are denied, and nothing is sent anywhere unless they still are.
 */
import type { TaskContext, TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { z } from 'zod';
import type { CounterClient } from '../client/index.ts';
import { counterService } from '../client/index.ts';
import { CounterMissing, DeniedBySomebodyElse, NotInsideGuard } from '../errors.ts';
import type { Denial } from '../model.ts';
import { denialKey, leaseTarget } from '../model.ts';
import { CounterName, PauseMs, ServiceName } from '../params.ts';
import { BRISK, drawnOut } from './settings.ts';

export interface SwitchParams {
  source: string;
  sink: string;
  counter: string;
  maxDenialMs: number;
  pauseMs: number;
}

export const switchRoute: TaskDefinition<SwitchParams> = defineTask({
  name: 'counter.switch',
  role: 'migrator',
  params: z.strictObject({
    source: ServiceName,
    sink: ServiceName,
    counter: CounterName,
    maxDenialMs: z.int().positive(),
    pauseMs: PauseMs,
  }),
  retry: BRISK,
  targets: ({ source }) => [source],

  async run(context) {
    const { counter, pauseMs } = context.params;
    await using source = context.target(context.params.source, counterService);
    await using sink = context.target(context.params.sink, counterService);
    await context.effect<string | null>({
      key: 'route',
      what: `send the clients of ${counter} at ${source.service} to ${sink.service}`,
      observe: async () => (await source.get(counter)).route,
      wanted: sink.identity,
      act: () =>
        drawnOut(context, pauseMs, async () => {
          const { denial, route } = await source.get(counter);
          if (route !== sink.identity && denial?.by !== context.operation.id) throw NotInsideGuard({ service: source.service, counter });
          await source.setRoute(counter, sink.identity, { token: context.lease.token(leaseTarget(source.identity)) });
        }),
    });
    return undefined;
  },

  undoGuards: ({ counter, sink, maxDenialMs }) => [{ key: backKey(counter), what: deniedAt(counter, sink), maxMs: maxDenialMs }],

  /**
   * Brings the clients back with what they have added at the sink since: the way there in the other direction, inside a guard of its own.
   * Where nobody was sent away the route is set all the same, since a late "send" may still land.
   */
  async undo(context) {
    const { counter } = context.params;
    await using source = context.target(context.params.source, counterService);
    await using sink = context.target(context.params.sink, counterService);
    const away = (await source.get(counter)).route === sink.identity;
    if (away) {
      await denyAt(context, sink);
      await carryBack(context, source, sink);
    }
    const token = context.lease.token(leaseTarget(source.identity));
    const sinkToken = context.lease.token(leaseTarget(sink.identity));
    // In this order: cut off in between, both send clients to each other, and whoever closes the guard lets the source keep them.
    await context.effect<string | null>({
      key: 'send-home',
      what: `send the clients of ${counter} that are at ${sink.service} to ${source.service}`,
      observe: async () => (await sink.get(counter)).route,
      wanted: source.identity,
      act: () => sink.setRoute(counter, source.identity, { token: sinkToken }),
    });
    await context.effect<string | null>({
      key: 'route',
      what: `send the clients of ${counter} to ${source.service} again`,
      observe: async () => (await source.get(counter)).route,
      wanted: null,
      act: () => source.setRoute(counter, null, { token }),
      always: true,
    });
    await context.effect<Denial | null>({
      key: 'allow-sink',
      what: `allow writes to ${counter} at ${sink.service}`,
      observe: async () => (await sink.get(counter)).denial,
      wanted: null,
      act: () => sink.setDenial(counter, null, { token: sinkToken }),
    });
    await closeIfOpen(context, backKey(counter));
  },
});

function backKey(counter: string): string {
  return `${denialKey(counter)}:back`;
}

function deniedAt(counter: string, service: string): string {
  return `writes to ${counter} at ${service} are denied`;
}

async function closeIfOpen({ guard }: TaskContext<SwitchParams>, key: string): Promise<void> {
  if ((await guard.find(key))?.state === 'open') await guard.close(key);
}

async function denyAt(context: TaskContext<SwitchParams>, sink: CounterClient): Promise<void> {
  const { counter, maxDenialMs, source } = context.params;
  const target = leaseTarget(sink.identity);
  const { denial } = await sink.get(counter);
  if (denial !== null && denial.by !== context.operation.id)
    throw DeniedBySomebodyElse({ service: sink.service, counter, by: denial.by, note: denial.note });
  const wanted: Denial = { by: context.operation.id, note: `it is being brought back to ${source}` };
  await context.guard.open({
    key: backKey(counter),
    what: deniedAt(counter, sink.service),
    target,
    before: null,
    after: wanted,
    maxMs: maxDenialMs,
    close: { task: 'counter.allow', params: { service: context.params.sink, movedTo: source, counter, pauseMs: 0 } },
  });
  await context.effect<Denial | null>({
    key: 'deny-sink',
    what: `deny writes to ${counter} at ${sink.service}`,
    observe: async () => (await sink.get(counter)).denial,
    wanted,
    act: () => sink.setDenial(counter, wanted, { token: context.lease.token(target) }),
  });
}

/** The sink's value is the newer one as long as clients are there. */
async function carryBack(context: TaskContext<SwitchParams>, source: CounterClient, sink: CounterClient): Promise<void> {
  const { counter } = context.params;
  const { value, denial } = await sink.get(counter);
  if (value === null) throw CounterMissing({ service: sink.service, counter });
  if (denial?.by !== context.operation.id) throw NotInsideGuard({ service: sink.service, counter });
  let there: number | null = null;
  await context.effect<number | null>({
    key: 'carry-back',
    what: `copy ${counter} from ${sink.service} back to ${source.service}`,
    async observe() {
      there = (await source.get(counter)).value;
      return there;
    },
    wanted: value,
    act: () => source.set(counter, value, { ifValue: there, token: context.lease.token(leaseTarget(source.identity)) }),
  });
}
