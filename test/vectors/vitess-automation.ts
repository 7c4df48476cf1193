/**
 * Recorded cases of the automation, through its old API over gRPC: enqueued as automation_client does it, run by the engine, the commands sent
 * to real gRPC servers, the details read back.
 */
import type { SystemPackage } from '@longshore/core';
import { defineKind, systemClock } from '@longshore/core';
import type { ClusterOperation, Registered } from '@longshore/vitess';
import { AutomationClient, LEAF_TASKS, serveAutomation, vitess } from '@longshore/vitess';
import { silentLog } from '@longshore/host';
import { expect } from 'vitest';
import { z } from 'zod';
import { vtctl } from '../../packages/vitess/src/client/commands.ts';
import { endpointTarget, leaseTarget } from '../../packages/vitess/src/model.ts';
import { fleetAutomation } from '../../apps/api/src/automation.ts';
import type { VitessFleet } from '../unit/vitess/fleet.ts';
import { startVitessFleet } from '../unit/vitess/fleet.ts';
import type { Replay } from './vitess-replay.ts';
import { startReplay } from './vitess-replay.ts';
import type { BuiltinTasks, Enqueue, LeafTasks, RecordedOperation } from './vitess-shapes.ts';

/** A scheduler that is alive is what the automation calls running. */
async function announceScheduler({ store }: VitessFleet): Promise<void> {
  const now = systemClock.now();
  const presence = { worker: 'scheduler-1', host: 'here', pid: 1, startedAt: now, seenAt: now, tasks: [], concurrency: 1, busy: 0, spools: [] };
  await store.announce({ ...presence, role: 'scheduler' }, 600_000);
}

interface Served extends AsyncDisposable {
  fleet: VitessFleet;
  client: AutomationClient;
}

async function served(targets: Record<string, string>, registered?: Registered): Promise<Served> {
  const fleet = await startVitessFleet({ targets });
  const server = await serveAutomation('127.0.0.1:0', fleetAutomation(fleet.engine, fleet.service, registered), silentLog);
  const client = new AutomationClient(`127.0.0.1:${server.port}`, systemClock, new AbortController().signal);
  return {
    fleet,
    client,
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
      await fleet[Symbol.asyncDispose]();
    },
  };
}

function asRecorded(operation: ClusterOperation, replay: Replay): RecordedOperation {
  const text = JSON.stringify(operation, (_key, value: unknown) => (typeof value === 'string' ? replay.asRecorded(value) : value));
  return JSON.parse(text) as RecordedOperation;
}

/** Resolves when the newest operation is over. */
async function over({ service, finished }: VitessFleet): Promise<void> {
  const [{ id } = { id: '' }] = (await service.list({ limit: 1 })).operations;
  await finished(id);
}

export async function runBuiltin({ enqueue, enqueue_response, remote_commands_in_order: commands, final }: BuiltinTasks): Promise<string> {
  await using replay = await startReplay(commands);
  await using automation = await served(replay.targets);
  await announceScheduler(automation.fleet);
  const id = await automation.client.enqueue(enqueue.name, enqueue.parameters);
  expect(id).toBe(enqueue_response.id);
  await over(automation.fleet);
  expect(replay.asked).toEqual(commands.map(({ rpc, endpoint, args }) => ({ rpc, endpoint, args })));
  const shown = asRecorded(await automation.client.details(id), replay);
  // One by one, so that what differs is named; then as a whole.
  const tasks = (operation: RecordedOperation) => operation.serial_tasks.flatMap(({ parallel_tasks }) => parallel_tasks);
  for (const [at, task] of tasks(final).entries()) expect(tasks(shown)[at]).toEqual(task);
  expect(shown).toEqual(final);
  return 'as the original: commands, order, ids, outputs, texts';
}

/** Tasks that the automation does not take by themselves, in an operation of one task. */
const leafKind = defineKind({
  name: 'leaf.one',
  title: 'one task of the original',
  role: 'migrator',
  params: z.strictObject({ task: z.string(), parameters: z.record(z.string(), z.string()) }),
  tolerant: false,
  columns: [],
  async plan({ params: { task, parameters }, target }) {
    const { vtctld_endpoint: endpoint } = parameters;
    await using server = endpoint === undefined ? undefined : target(endpointTarget(endpoint), vtctl);
    return {
      summary: [],
      expect: {},
      data: null,
      // What moves writes opens a guard, and that only under a lease.
      leases: server ? [{ target: leaseTarget(server.address), scope: '' }] : [],
      stages: [
        { name: 'one', title: task, concurrency: 1, tasks: [{ id: '2', task: `vitess.${task}`, params: parameters, placement: 'role' }] },
      ],
    };
  },
  conclude: () => ({ ok: true }),
});
const leaves: SystemPackage = { name: 'leaf', kinds: [leafKind] as SystemPackage['kinds'], tasks: vitess.tasks };

export async function runLeaves({ cases }: LeafTasks): Promise<string> {
  for (const recorded of cases) {
    const definition = LEAF_TASKS.find(({ name }) => name === recorded.task);
    expect([recorded.task, definition?.required, definition?.optional]).toEqual([recorded.task, recorded.required, recorded.optional]);
    await using replay = await startReplay(recorded.remote_commands);
    await using fleet = await startVitessFleet({ targets: replay.targets, system: leaves });
    const header = await fleet.run({ kind: 'leaf.one', params: { task: recorded.task, parameters: recorded.parameters } });
    expect(replay.asked).toEqual(recorded.remote_commands.map(({ rpc, endpoint, args }) => ({ rpc, endpoint, args })));
    const task = (await fleet.service.done(header.id)).find(({ id }) => id === '2');
    expect(replay.asRecorded(String(task?.output))).toBe(recorded.output);
    expect(replay.asRecorded(task?.error?.message ?? '')).toBe(recorded.error);
    expect((await fleet.service.plan(header.id)).stages.length - 1).toBe(recorded.emits);
  }
  return `as the original: parameters, commands, output and error of ${cases.length} tasks`;
}

/** A name that somebody registered, and nothing behind it. */
const withHole = (name: string, registered: Registered): Registered => new Map([...registered, [name, undefined]]);

export async function runEnqueue({ cases }: Enqueue, registered: Registered): Promise<string> {
  const hole = cases.find(({ error, name }) => error === `no implementation found for: ${name}`)?.name;
  let automation = await served({}, hole === undefined ? registered : withHole(hole, registered));
  let life = '0';
  try {
    for (const { case: title, name, parameters, id, error } of cases) {
      const wanted = /scheduler is not running\. State: (\d)/.exec(error ?? '')?.[1] ?? '1';
      if (life === '3') {
        // Another scheduler, which was never run.
        await automation[Symbol.asyncDispose]();
        automation = await served({}, registered);
        life = '0';
      }
      if (wanted !== life) {
        if (wanted === '1') await announceScheduler(automation.fleet);
        if (wanted === '3') {
          const { operations } = await automation.fleet.service.list({ limit: 100 });
          await automation.fleet.service.drainFleet(60_000, 'tester');
          for (const operation of operations) {
            await automation.fleet.service.act(operation.id, 'cancel', 'tester').catch(() => undefined);
            await automation.fleet.finished(operation.id);
          }
          // A second shutdown is nothing; the original panics.
          await automation.fleet.service.drainFleet(60_000, 'tester');
        }
        life = wanted;
      }
      const asked = name === undefined ? automation.client.details(id ?? '') : automation.client.enqueue(name, parameters ?? {});
      const answer = await asked.then(
        (given) => (typeof given === 'string' ? { id: given } : { shown: given.id }),
        (failed: unknown) => ({ error: failed instanceof Error ? failed.message : String(failed) }),
      );
      const expected = error === undefined ? { id } : { error: `rpc error: code = Unknown desc = ${error}` };
      expect({ title, ...answer }).toEqual({ title, ...expected });
    }
  } finally {
    await automation[Symbol.asyncDispose]();
  }
  return `as the original: ${cases.length} answers, in the words of its gRPC errors`;
}
