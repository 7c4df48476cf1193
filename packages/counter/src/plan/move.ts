/** What a move does, from what the two services say. Pure: same snapshots, same plan. */
import type { Finding, LeaseRequest, StageSpec, TaskSpec } from '@longshore/core';
import { CounterExists, CounterMissing, DeniedBySomebodyElse, RoutedElsewhere } from '../errors.ts';
import type { CounterState, ServiceSnapshot } from '../model.ts';
import { denialKey, leaseScope, leaseTarget } from '../model.ts';
import type { MoveParams } from '../params.ts';

export interface MovePlan {
  summary: string[];
  findings: Finding[];
  stages: StageSpec[];
  leases: LeaseRequest[];
  fingerprint: Record<string, { source: Situation; sink: Situation }>;
}

/** What must still be so when the plan runs. Values are none of it: clients go on adding. */
export type Situation = { exists: boolean; deniedBy: string | null; route: string | null };

/** Counters that are copied at a time. */
const COPIES = 4;

export function planMove(params: MoveParams, source: ServiceSnapshot, sink: ServiceSnapshot): MovePlan {
  const { counters, maxDenialMs, pauseMs } = params;
  const findings = counters.flatMap((counter) => obstacles(counter, source, sink));
  if (source.identity === sink.identity)
    findings.push({ level: 'error', text: `${params.source} and ${params.sink} are the same service` });
  const ends = { source: params.source, sink: params.sink };
  const task = (kind: string, counter: string, own: object, after?: string): TaskSpec => ({
    id: `${kind}-${counter}`,
    task: `counter.${kind}`,
    params: { counter, pauseMs, ...own },
    placement: 'role',
    ...(after === undefined ? {} : { after: `${after}-${counter}` }),
  });
  const each = (kind: string, own: object): TaskSpec[] => counters.map((counter) => task(kind, counter, own));
  const guards = counters.map(denialKey);
  const named = counters.join(', ');
  const stages: StageSpec[] = [
    { name: 'prepare', title: 'make the counters on the sink', concurrency: COPIES, tasks: each('prepare', { sink: params.sink }) },
    { name: 'copy', title: 'copy the values while clients go on', concurrency: COPIES, tasks: each('copy', ends) },
    {
      name: 'cutover',
      title: 'deny client writes at the source',
      concurrency: counters.length,
      approval: `deny writes to ${named} at ${params.source} for at most ${maxDenialMs / 1000} s, and send the clients to ${params.sink}`,
      guard: { opens: guards },
      tasks: each('deny', { ...ends, maxDenialMs }),
    },
    {
      name: 'switch',
      title: 'catch up, send the clients to the sink, let them write again',
      concurrency: counters.length,
      guard: { ends: guards },
      tasks: counters.flatMap((counter) => [
        task('catch-up', counter, ends),
        task('switch', counter, { ...ends, maxDenialMs }, 'catch-up'),
        task('allow', counter, { service: params.source, movedTo: params.sink }, 'switch'),
      ]),
    },
    {
      name: 'verify',
      title: 'read back',
      concurrency: COPIES,
      tasks: counters.map((counter) => task('verify', counter, { ...ends, copiedBy: `catch-up-${counter}` })),
    },
    {
      name: 'retire',
      title: 'delete the copies at the source',
      concurrency: COPIES,
      approval: `delete ${named} at ${params.source}`,
      tasks: each('retire', ends),
    },
  ];
  return {
    summary: [
      `${counters.length === 1 ? 'the counter' : `${counters.length} counters:`} ${named}, from ${params.source} to ${params.sink}`,
      `copied while clients go on; then their writes are denied for at most ${maxDenialMs / 1000} s, and they are sent to ${params.sink}`,
      `at the end the copies at ${params.source} are deleted`,
    ],
    findings,
    stages,
    leases: [source, sink].flatMap(({ identity }) =>
      counters.map((counter) => ({ target: leaseTarget(identity), scope: leaseScope(counter) })),
    ),
    fingerprint: Object.fromEntries(
      counters.map((counter) => [counter, { source: situation(counterOf(source, counter)), sink: situation(counterOf(sink, counter)) }]),
    ),
  };
}

export function counterOf({ counters }: ServiceSnapshot, name: string): CounterState {
  return counters.find((counter) => counter.name === name) ?? { name, value: null, denial: null, route: null };
}

export function situation({ value, denial, route }: CounterState): Situation {
  return { exists: value !== null, deniedBy: denial?.by ?? null, route };
}

function obstacles(counter: string, source: ServiceSnapshot, sink: ServiceSnapshot): Finding[] {
  const here = counterOf(source, counter);
  const there = counterOf(sink, counter);
  const found: Finding[] = [];
  const error = ({ message, data }: ReturnType<typeof CounterMissing>): void =>
    void found.push({ level: 'error', text: message, error: data });
  if (here.value === null) error(CounterMissing({ service: source.service, counter }));
  if (here.route !== null) error(RoutedElsewhere({ service: source.service, counter, route: here.route }));
  if (there.value !== null) error(CounterExists({ service: sink.service, counter, value: there.value }));
  for (const { service, denial } of [
    { service: source.service, denial: here.denial },
    { service: sink.service, denial: there.denial },
  ])
    if (denial !== null) error(DeniedBySomebodyElse({ service, counter, ...denial }));
  if (there.route !== null && there.route !== source.identity)
    found.push({
      level: 'warning',
      text: `clients of ${counter} that are at ${sink.service} are sent to ${there.route} until the cutover, and stay at ${sink.service} then`,
    });
  return found;
}
