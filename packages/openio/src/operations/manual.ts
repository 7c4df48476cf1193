/** Plans a manual move: looks at the files on their hosts, and says what would be done. Changes nothing. */
import type { Finding, PlanDraft, TaskContext } from '@longshore/core';
import type { Namespace } from '../client/index.ts';
import { hostOf } from '../hosts/index.ts';
import { hostSettings } from '../hosts/settings.ts';
import { joined, leaseScope, leaseTarget } from '../model.ts';
import { baseName, basePath } from '../names.ts';
import type { MoveParams } from '../params.ts';
import type { Facts } from '../plan/facts.ts';
import { hostsOf, nameOf } from '../plan/facts.ts';
import type { OnDisk } from '../plan/manual.ts';
import { manualStages, manualVerdict } from '../plan/manual.ts';
import { replaced } from '../plan/preflight.ts';
import { asJson } from '../tasks/manual/base.ts';
import { constraintOf } from './moves.ts';

const OK = 200;

export async function manualDraft(context: TaskContext<MoveParams>, namespace: Namespace, facts: Facts, to: string): Promise<PlanDraft> {
  const { params } = context;
  const { from, proxies, maxFrozenMs, backup, rdir, pauseMs, replicas } = params;
  const hosts = hostsOf(facts) ?? [];
  const [row] = facts.reference?.rows ?? [];
  const base = baseName(facts.cid, row?.seq ?? 1);
  const disks: OnDisk[] = [];
  // The one that goes first: whatever is written meanwhile, those that stay do not look older than it for that.
  for (const id of [...hosts].sort((a, b) => Number(b === from) - Number(a === from))) disks.push(await lookAt(namespace, facts, id, base));
  const hasMaster = hosts.length > 0 && [...(await namespace.status(facts.cid, hosts)).values()].some(({ code }) => code === OK);
  const wish = { from, to, constraint: constraintOf(params), replicas };
  const { problems, warnings, kept, widened } = manualVerdict(facts, wish, disks, hasMaster);
  const reached = disks.some(({ id, unreachable }) => id === from && unreachable === undefined);
  const edited = widened && reached ? [...kept, from] : kept;
  const findings: Finding[] = [
    ...problems.map((text): Finding => ({ level: 'error', text })),
    ...warnings.map((text): Finding => ({ level: 'warning', text })),
  ];
  const task = asJson({
    proxies,
    namespace: namespace.name,
    cid: facts.cid,
    seq: row?.seq ?? 1,
    args: row?.args ?? '',
    name: nameOf(facts),
    hosts,
    from,
    to,
    kept,
    edited,
    widened,
    backup,
    rdir,
    maxFrozenMs,
    pauseMs,
  });
  const after = replaced(hosts, { from, to });
  return {
    summary: [
      `${nameOf(facts)} (${facts.cid})`,
      `${joined(hosts)} → ${joined(after)}`,
      `by hand: the files of ${joined(edited)} are edited, closed and backed up before`,
    ],
    findings,
    stages: problems.length > 0 ? [] : manualStages({ ...task, cid: facts.cid, name: nameOf(facts), maxFrozenMs }, hasMaster),
    leases: [{ target: leaseTarget(namespace.name), scope: leaseScope(facts.cid) }],
    fingerprint: { hosts, from, to, kept, hasMaster },
    expect: { moves: 1 },
    data: { namespace: namespace.name, cid: facts.cid, name: nameOf(facts), before: hosts, after, from, to },
  };
}

async function lookAt(namespace: Namespace, facts: Facts, id: string, base: string): Promise<OnDisk> {
  const service = facts.services.get(id);
  if (!service || service.volume === '') return { id, unreachable: 'the conscience does not say where its volume is' };
  await using host = hostOf(service, hostSettings(namespace));
  const path = `${service.volume}/${basePath(base)}`;
  try {
    if (!(await host.exists(path))) return { id, unreachable: `there is no ${path}` };
    const check = await host.quickCheck(path).catch((error: unknown) => (error instanceof Error ? error.message : String(error)));
    const open = await host.openBy(path);
    return {
      id,
      check,
      ...(check === 'ok' ? { admin: await host.admin(path) } : {}),
      ...('unknown' in open ? { openUnknown: open.unknown } : {}),
    };
  } catch (error) {
    return { id, unreachable: error instanceof Error ? error.message : String(error) };
  }
}
