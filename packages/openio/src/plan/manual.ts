/** Whether a base can be moved by editing its files, and in which steps. Pure. */
import type { Json, StageSpec } from '@longshore/core';
import { compareVersions, joined, versionsOf } from '../model.ts';
import type { Facts } from './facts.ts';
import { hostsOf } from './facts.ts';
import type { MoveWish } from './preflight.ts';
import { destinationProblems } from './preflight.ts';

/** A replica's file, looked at on its host. */
export interface OnDisk {
  id: string;
  /** Why the file could not be looked at. */
  unreachable?: string;
  /** What SQLite says of it: `ok`. */
  check?: string;
  admin?: Record<string, string>;
  /** Why it cannot be seen whether a process has it open. */
  openUnknown?: string;
}

export interface ManualVerdict {
  problems: string[];
  warnings: string[];
  /** Replicas that stay and whose files can be reached. */
  kept: string[];
  /** The files name the old replica beside the new one, and its own does: for a container that clients use. */
  widened: boolean;
}

/** The newest version wins; files that are behind take its data when they are elected, and are named. */
export function manualVerdict(facts: Facts, wish: MoveWish, disks: readonly OnDisk[], hasMaster: boolean): ManualVerdict {
  const hosts = hostsOf(facts) ?? [];
  const problems = destinationProblems(facts, wish);
  const warnings: string[] = [];
  const kept: OnDisk[] = [];
  for (const id of hosts.filter((host) => host !== wish.from)) {
    const disk = disks.find((one) => one.id === id);
    if (!disk || disk.unreachable !== undefined)
      warnings.push(
        `the file of ${id} cannot be reached (${disk?.unreachable ?? 'it was not looked at'}): it keeps its old peers. When it is back, \`longshore openio repair\``,
      );
    else if (disk.check !== 'ok') problems.push(`the file of ${id} is damaged: ${disk.check}`);
    else if (disk.openUnknown !== undefined) problems.push(`whether the file of ${id} is open cannot be seen: ${disk.openUnknown}`);
    else kept.push(disk);
  }
  if (kept.length === 0 && problems.length === 0) problems.push('no file of a replica that stays can be reached');
  const [newest, rest] = newestOf(kept);
  if (newest)
    for (const other of rest) {
      const standing = compareVersions(versionsOf(other.admin!), versionsOf(newest.admin!));
      if (standing === 'behind')
        warnings.push(`the file of ${other.id} is behind that of ${newest.id}, and takes its data when it is elected`);
      if (standing === 'apart')
        problems.push(`the files of ${newest.id} and ${other.id} each hold what the other does not: a person must decide`);
    }
  if (newest && newest.admin?.['sys.m2.init'] !== '1') problems.push(`the base was never initialised (${newest.id})`);
  for (const { id, admin = {} } of kept) {
    const status = admin['sys.status'] ?? '0';
    if (status !== '0') problems.push(`it is frozen or disabled in the file of ${id}, by somebody else`);
    if (admin['sys.peers'] !== joined(hosts))
      warnings.push(`the file of ${id} names the peers ${admin['sys.peers'] ?? '(none)'}, and meta1 ${joined(hosts)}`);
  }
  // What a majority has acknowledged is in the newest file of a majority; in that of a smaller number it need not be.
  if (newest && kept.length <= hosts.length / 2) {
    const gone = disks.find(({ id }) => id === wish.from)?.admin;
    const standing = gone && compareVersions(versionsOf(gone), versionsOf(newest.admin!));
    if (standing === 'ahead' || standing === 'apart')
      problems.push(`the file of ${wish.from} holds what no file that stays has: start ${wish.from}, or move another replica`);
    warnings.push(
      `of ${hosts.length} replicas only ${kept.map(({ id }) => id).join(', ')} stays with data that can be seen: what the others had acknowledged without it would be lost`,
    );
  }
  const away = hosts.filter((host) => host !== wish.from && facts.silent.has(host)).length;
  const staying = hosts.length - 1 - away;
  if (staying + 1 <= hosts.length / 2)
    problems.push(`with ${wish.to} there would be ${staying + 1} of ${hosts.length} replicas: no majority`);
  if (!hasMaster) warnings.push('it has no master now: nothing can be frozen, and nothing is written to it anyway');
  const going = disks.find(({ id }) => id === wish.from);
  const wasReached = going !== undefined && going.unreachable === undefined && going.openUnknown === undefined;
  const fromServes = !facts.silent.has(wish.from);
  if (hasMaster && fromServes && !wasReached)
    problems.push(
      `the file of ${wish.from} cannot be reached (${going?.unreachable ?? going?.openUnknown ?? 'it was not looked at'}), but it serves: clients would read from it what is old`,
    );
  // One that is damaged serves nobody.
  const widened = hasMaster && (!fromServes || going?.check === 'ok');
  return { problems, warnings, kept: kept.map(({ id }) => id), widened };
}

function newestOf(files: readonly OnDisk[]): [OnDisk | undefined, OnDisk[]] {
  const sorted = [...files].sort((a, b) => {
    const standing = compareVersions(versionsOf(a.admin ?? {}), versionsOf(b.admin ?? {}));
    return standing === 'ahead' ? -1 : standing === 'behind' ? 1 : 0;
  });
  return [sorted[0], sorted.slice(1)];
}

/** What every step is given; of which the plan itself names these. */
type StageSpecParams = { [key: string]: Json } & { cid: string; name: string; maxFrozenMs: number };

/** The steps, in their order. */
export function manualStages(params: StageSpecParams, hasMaster: boolean): StageSpec[] {
  const { cid, name, maxFrozenMs } = params;
  const task = (kind: string, after?: string): NonNullable<StageSpec['tasks']>[number] => ({
    id: kind,
    task: `openio.${kind}`,
    params,
    placement: 'role',
    ...(after === undefined ? {} : { after }),
  });
  const freeze = `freeze:${cid}`;
  const decache = `decache:${cid}`;
  const minutes = Math.round(maxFrozenMs / 6_000) / 10;
  return [
    ...(hasMaster
      ? [
          {
            name: 'freeze',
            title: 'freeze the container',
            concurrency: 1,
            approval: `freeze ${name} for at most ${minutes} minutes, and edit its files`,
            guard: { opens: [freeze, decache] },
            tasks: [task('freeze')],
          },
        ]
      : []),
    {
      name: 'edit',
      title: 'close the files, back them up, set their peers, link the new hosts',
      concurrency: 1,
      ...(hasMaster ? {} : { approval: `edit the files of ${name}`, guard: { opens: [decache] } }),
      tasks: [task('close'), task('backup', 'close'), task('edit-peers', 'backup'), task('link', 'edit-peers')],
    },
    {
      name: 'open',
      title: hasMaster ? 'let services keep their bases, elect it, enable it' : 'let services keep their bases',
      concurrency: 1,
      guard: { ends: hasMaster ? [freeze, decache] : [decache] },
      tasks: hasMaster ? [task('reopen'), task('enable', 'reopen')] : [task('reopen')],
    },
    {
      name: 'retire',
      title: 'have the new replica take the data, remove the old one, look at all',
      concurrency: 1,
      tasks: [task('retire')],
    },
  ];
}
