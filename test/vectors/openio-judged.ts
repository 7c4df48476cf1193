/** Recorded observations held against what Longshore makes of them: names, elections, distributions, distances. */
import { baseName, basePath, beforeElection, containerId, distance, electionKey, electionProblems, parseConstraint, planMoves, synced as syncedSlaves, targetsOf } from '@longshore/openio';
import type { MemberState } from '@longshore/openio';
import { expect } from 'vitest';
import type { z } from 'zod';
import { isPerPeer } from './openio-compare.ts';
import { routeOf } from './openio-replay.ts';
import type { Balance, Checks, Distances, Scenario } from './openio-shapes.ts';
import { RequestStep } from './openio-shapes.ts';

type Replies = Record<string, { status: { status: number; message: string }; body: unknown }>;

interface Described {
  local: { id: number | null; url: string; state: string };
  master: { id: number | null; url: string | null };
  peers: string[] | null;
  log: string[];
}

export function membersOf(replies: Replies): Map<string, MemberState | null> {
  return new Map(
    Object.entries(replies)
      .filter(([, { status }]) => status.status === 200)
      .map(([id, { body }]) => {
        if (body === null) return [id, null];
        const { local, master, peers, log } = body as Described;
        return [id, { url: local.url, state: local.state, id: local.id, masterUrl: master.url, masterId: master.id, peers, log }];
      }),
  );
}

const verdict = (problems: readonly string[]): 'pass' | 'fail' => (problems.length === 0 ? 'pass' : 'fail');

export function judgeChecks({ hash = [], checks = [] }: z.infer<typeof Checks>): void {
  for (const { account, container, seq, cid, base, zk, relative_path: path } of hash) {
    expect(containerId(account, container)).toBe(cid);
    expect({ base: baseName(cid, seq), zk: electionKey(base), path: basePath(base) }).toEqual({ base, zk, path });
  }
  for (const { input, old, new: wanted, checkA, checkB, reasons, master, slaves, synced } of checks) {
    const members = membersOf(input);
    const problems = electionProblems({ members, wanted, gone: old });
    expect(verdict(problems), problems.join('; ')).toBe(checkB);
    if (checkA !== undefined) expect(verdict(beforeElection({ members, wanted }))).toBe(checkA);
    if (reasons !== undefined) expect([...problems].sort()).toEqual([...reasons].sort());
    const inState = (state: string): string[] => [...members].filter(([, member]) => member?.state === state).map(([id]) => id).sort();
    if (master !== undefined) expect(inState('MASTER')).toEqual([master]);
    if (slaves !== undefined) expect(inState('SLAVE')).toEqual([...slaves].sort());
    if (synced !== undefined) expect(syncedSlaves(members)).toEqual([...synced].sort());
  }
}

/** Whether the last election that was recorded is as it must be. */
export function judgeEnd({ steps, old, new: wanted, expect: expected }: Scenario): void {
  if (expected.checkB === undefined || wanted === undefined) return;
  const shown = steps.flatMap((step) => {
    if (!('request' in step)) return [];
    const { request, reply } = RequestStep.parse(step);
    const isDebug = routeOf(request.method, request.path) === 'POST admin/debug' && !request.path.includes('service_id=');
    return isDebug && isPerPeer(reply.json) ? [reply.json] : [];
  });
  const last = shown.at(-1);
  if (last === undefined) throw new Error('it expects a verdict on an election, and shows none');
  const problems = electionProblems({ members: membersOf(last), wanted, gone: old.filter((id) => !wanted.includes(id)) });
  expect(verdict(problems), problems.join('; ')).toBe(expected.checkB);
}

export function judgeBalance({ title, services, containers, each_on: hosts, target, moves, moves_by_source: sources, moves_to: targets }: z.infer<typeof Balance>): void {
  const text = /strict_location_constraint (\d+(?:\.\d+){3})/.exec(title)?.[1];
  const plan = planMoves({
    services: services.map(({ id, loc, score, up }) => ({ id, location: loc, score, up })),
    containers: Array.from({ length: containers }, (_, at) => ({ cid: at.toString(16).toUpperCase().padStart(64, '0'), hosts })),
    constraint: parseConstraint(text ?? '9.9.9.1')!,
    tolerancePercent: 5,
  });
  expect(Object.fromEntries(plan.bars.map((bar) => [bar.service, bar.target]))).toEqual(target);
  const total = services.reduce((sum, { bases }) => sum + bases, 0);
  const weighed = services.map(({ id, score, up }) => ({ id, weight: up && score > 0 ? score : 0 }));
  expect(Object.fromEntries(targetsOf(weighed, total, containers))).toEqual(target);
  expect(plan.moves).toHaveLength(moves);
  const count = (side: 'from' | 'to'): Record<string, number> => {
    const counts: Record<string, number> = {};
    for (const move of plan.moves) counts[move[side]] = (counts[move[side]] ?? 0) + 1;
    return counts;
  };
  if (sources !== undefined) expect(count('from')).toEqual(sources);
  if (targets !== undefined) expect(count('to')).toEqual(targets);
}

export function judgeDistances(pairs: z.infer<typeof Distances>): void {
  for (const { a, b, distance: wanted } of pairs) expect(distance(a, b), `${a} and ${b}`).toBe(wanted);
}
