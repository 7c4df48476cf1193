/**
 * Which units go where, so that the sums of several services differ by one at most. Pure: same snapshots, same plan.
 *
 * Services settle with the fewest transfers between two of them (`groups.ts`); a transfer takes the largest counters first, which is the
 * fewest counters it can be made of.
 */
import type { Finding, LeaseRequest } from '@longshore/core';
import type { CounterState, ServiceSnapshot } from '../model.ts';
import { leaseScope, leaseTarget } from '../model.ts';
import { settle } from './groups.ts';
import type { Situation } from './move.ts';
import { counterOf, situation } from './move.ts';

export type Move = {
  from: string;
  to: string;
  counter: string;
  units: number;
};

export interface RebalancePlan {
  moves: Move[];
  /** Counters that have to be made before they can be added to. */
  missing: { service: string; counter: string }[];
  findings: Finding[];
  leases: LeaseRequest[];
  /** By counter and service. */
  fingerprint: Record<string, Situation>;
  /** By service: what it holds, and what it will. */
  sums: { service: string; before: number; after: number }[];
}

export function planRebalance(services: readonly ServiceSnapshot[]): RebalancePlan {
  const findings: Finding[] = [];
  const usable = services.map((service) => service.counters.filter((counter) => isUsable(service, counter, findings)));
  const before = usable.map(sumOf);
  const targets = evenTargets(before);
  const moves: Move[] = [];
  const left = usable.map((counters) => counters.map(({ name, value }) => ({ name, value: value ?? 0 })));
  for (const { from, to, units } of settle(before.map((sum, at) => sum - targets[at]!))) {
    const blocked = new Set(
      services[to]!.counters.filter((counter) => !usable[to]!.includes(counter) && counter.value !== null).map(({ name }) => name),
    );
    moves.push(
      ...taken(left[from]!, units, blocked).map((part) => ({ from: services[from]!.service, to: services[to]!.service, ...part })),
    );
  }
  const byName = new Map(services.map((service) => [service.service, service]));
  const missing = unique(
    moves
      .filter(({ to, counter }) => counterOf(byName.get(to)!, counter).value === null)
      .map(({ to, counter }) => ({ service: to, counter })),
  );
  const touched = unique(
    moves.flatMap(({ from, to, counter }) => [
      { service: from, counter },
      { service: to, counter },
    ]),
  );
  return {
    moves,
    missing,
    findings,
    leases: touched.map(({ service, counter }) => ({ target: leaseTarget(byName.get(service)!.identity), scope: leaseScope(counter) })),
    fingerprint: Object.fromEntries(
      touched.map(({ service, counter }) => [`${counter} at ${service}`, situation(counterOf(byName.get(service)!, counter))]),
    ),
    sums: services.map(({ service }, at) => ({
      service,
      before: before[at]!,
      after:
        before[at]! +
        moves.reduce((sum, move) => sum + (move.to === service ? move.units : 0) - (move.from === service ? move.units : 0), 0),
    })),
  };
}

/** A counter that is denied, or whose clients are elsewhere, is not touched. */
function isUsable({ service }: ServiceSnapshot, { name, value, denial, route }: CounterState, findings: Finding[]): boolean {
  if (value === null) return false;
  if (denial === null && route === null) return true;
  const why = denial === null ? `its clients are sent to ${route}` : `writes to it are denied by ${denial.by}`;
  findings.push({ level: 'warning', text: `${name} at ${service} is left out: ${why}` });
  return false;
}

function sumOf(counters: readonly CounterState[]): number {
  return counters.reduce((sum, { value }) => sum + (value ?? 0), 0);
}

/** The same for all; what cannot be divided stays with those that hold the most. */
function evenTargets(sums: readonly number[]): number[] {
  const total = sums.reduce((sum, one) => sum + one, 0);
  const share = Math.floor(total / sums.length);
  let odd = total - share * sums.length;
  const targets = sums.map(() => share);
  for (const { at } of sums.map((sum, at) => ({ sum, at })).sort((a, b) => b.sum - a.sum || a.at - b.at)) {
    if (odd === 0) break;
    targets[at]! += 1;
    odd -= 1;
  }
  return targets;
}

/** Takes units out of counters, the largest first. Less than asked for when only counters are left that the other side may not touch. */
function taken(
  counters: { name: string; value: number }[],
  units: number,
  blocked: ReadonlySet<string>,
): { counter: string; units: number }[] {
  const parts: { counter: string; units: number }[] = [];
  let open = units;
  for (const counter of counters.filter(({ name }) => !blocked.has(name)).sort((a, b) => b.value - a.value || (a.name < b.name ? -1 : 1))) {
    const part = Math.min(open, counter.value);
    if (part === 0) break;
    counter.value -= part;
    open -= part;
    parts.push({ counter: counter.name, units: part });
  }
  return parts;
}

function unique<T>(values: readonly T[]): T[] {
  return [...new Map(values.map((value) => [JSON.stringify(value), value])).values()];
}
