/** What must hold when everything is over: asked of the store, and of the targets themselves. */
import type { OperationHeader } from '@longshore/core';
import type { Traffic } from '@longshore/sandbox';
import type { Fleet } from '../../support/fleet.ts';
import type { Target } from './targets.ts';
import { COUNTERS, MOVED_SERVICES, START_VALUE } from './targets.ts';

/** Counts agree in plan, store, events and report; no guard is open; nothing is left of a task. */
export async function checkOperations({ store, service }: Fleet, headers: readonly OperationHeader[]): Promise<string[]> {
  const problems: string[] = [];
  for (const header of headers) {
    const { id, state } = header;
    const must = (holds: boolean, what: string): void => {
      if (!holds) problems.push(`${id} (${header.kind}, ${state}): ${what}`);
    };
    const { tasks, attempts, outcomes, guards } = (await store.load(id))!;
    must(tasks.size + attempts.size + outcomes.size === 0, `tasks are left: ${[...tasks.keys()].join(' ')}`);
    for (const guard of guards.values()) must(guard.state !== 'open', `the guard ${guard.key} is open`);
    const plan = await store.plan(id);
    const done = await store.done(id);
    const retried = (await store.events(id, undefined, 10_000, 0)).some(({ text }) => text.startsWith('tried again by'));
    for (const [at, stage] of header.stages.entries()) {
      const spec = plan?.stages[at];
      must(spec?.name === stage.name, `stage ${at} is ${stage.name} in the header and ${spec?.name} in the plan`);
      if (stage.state === 'pending') continue;
      must(stage.done + stage.failed + stage.skipped === stage.total, `${stage.name}: ${JSON.stringify(stage)}`);
      const ok = done.filter((record) => record.stage === at && record.result === 'ok').length;
      must(
        spec?.bulk !== undefined || (retried ? ok >= stage.done : ok === stage.done),
        `${stage.name}: ${ok} records are ok, ${stage.done} are counted`,
      );
      if (state === 'succeeded') must(stage.done === stage.total, `it succeeded, but ${stage.name} has ${stage.done} of ${stage.total}`);
    }
    const events = await store.events(id, undefined, 10_000, 0);
    must(events.findLast(({ type }) => type === 'state')?.text === state, 'its last state event is another');
    must((await service.report(id)).state === state, 'its report says another state');
    const open = (await store.journal(id)).filter((entry) => entry.state === 'intent');
    if (state === 'succeeded') must(open.length === 0, `changes begun and never confirmed: ${open.map(({ key }) => key).join(' ')}`);
  }
  return problems;
}

/** By the targets' own record: leases never overlapped, nothing is denied any more, and no unit was lost or made. */
export function checkTargets(targets: readonly Target[], headers: readonly OperationHeader[], traffics: readonly Traffic[]): string[] {
  const problems: string[] = [];
  const owners = new Map(headers.flatMap(({ id, leases = [] }) => leases.map(({ token }) => [token, id])));
  for (const { name, service } of targets) {
    const last = new Map<string, number>();
    for (const { counter, token, seq } of service.store.effects) {
      if (token === null) continue;
      const before = last.get(counter) ?? 0;
      if (token < before)
        problems.push(`${name}: effect ${seq} on ${counter} by ${owners.get(token)} came after one of ${owners.get(before)}`);
      last.set(counter, Math.max(before, token));
    }
    for (const { name: counter, denial } of service.store.list())
      if (denial !== null) problems.push(`${name}: writes to ${counter} are still denied by ${denial.by}`);
  }
  const added = traffics.reduce((sum, { acknowledged }) => sum + acknowledged, 0);
  const unknown = traffics.reduce((sum, traffic) => sum + traffic.unknown, 0);
  const moved = targets.slice(0, MOVED_SERVICES);
  const evened = targets.slice(MOVED_SERVICES);
  const wanted = moved.length * COUNTERS * START_VALUE + added;
  const counters = new Set(moved.flatMap(({ service }) => service.store.list().map(({ name }) => name)));
  for (const counter of counters) if (!placeOf(moved, counter)) problems.push(`the clients of ${counter} are sent in a circle`);
  const seen = [...counters].reduce((sum, counter) => sum + (placeOf(moved, counter)?.service.store.view(counter).value ?? 0), 0);
  if (seen < wanted || seen > wanted + unknown) problems.push(`clients of what is moved see ${seen} units where there are ${wanted}`);
  const left = evened.reduce((sum, { service }) => sum + service.store.list().reduce((part, { value }) => part + (value ?? 0), 0), 0);
  if (left !== evened.length * COUNTERS * START_VALUE)
    problems.push(`what is evened out holds ${left} units where there were ${evened.length * COUNTERS * START_VALUE}`);
  return problems;
}

/**
 * Where the clients of a counter are, beginning at its home (`k3-1` at the service 3) and following the routes. Undefined in the moment in
 * which it is being moved back and two services send them to each other, while their writes are denied.
 */
export function placeOf(targets: readonly Target[], counter: string): Target | undefined {
  const byUrl = new Map(targets.map((target) => [target.service.url, target]));
  let place = targets[Number(/^k(\d+)-/.exec(counter)?.[1])]!;
  for (let steps = 0; steps <= targets.length; steps += 1) {
    const { route } = place.service.store.view(counter);
    if (route === null) return place;
    place = byUrl.get(route)!;
  }
  return undefined;
}
