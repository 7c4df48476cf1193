/**
 * Before a tablet is upgraded another leads what it led; afterwards it leads it again, and replicas that were added meanwhile are removed.
 * Verified means: read at the end, the tablet leads nothing; or all of what it led, and no extra replica is left.
 */
import type { Finding, KindDefinition, StageSpec, TaskContext } from '@longshore/core';
import { defineKind } from '@longshore/core';
import { ACTION_MS, openmldbCluster } from '../client/index.ts';
import { NoStatFile, NotAnUpgrade } from '../errors.ts';
import { PostUpgradeParams, PreUpgradeParams } from '../params.ts';
import { linesOf } from '../plan/data.ts';
import { named, upgradeFinding } from '../plan/findings.ts';
import { planPostUpgrade, planPreUpgrade } from '../plan/upgrade.ts';
import type { StatLine } from '../stat-file.ts';
import { assertReplaceable, parseStatFile, readText } from '../tasks/files.ts';
import { snapshotOf } from '../tasks/look.ts';
import { taskName } from '../tasks/settings.ts';
import { COLUMNS, conclude, counted, framed } from './frame.ts';

export const preUpgrade: KindDefinition<PreUpgradeParams> = defineKind({
  name: 'openmldb.pre-upgrade',
  title: 'OpenMLDB: have others lead what a tablet leads, before it is upgraded',
  role: 'migrator',
  params: PreUpgradeParams,
  tolerant: false,
  guarded: true,
  actionMs: ACTION_MS,
  columns: COLUMNS,

  async plan(context) {
    const { params } = context;
    const { endpoint, statfile, allowSingleReplica } = params;
    if (statfile !== undefined) {
      await assertReplaceable(statfile);
      // What stands there is kept, so it has to be understood.
      parseStatFile(statfile, (await readText(statfile)) ?? '');
    }
    await using cluster = context.target(params.cluster, openmldbCluster);
    const snapshot = await snapshotOf(cluster);
    const { changes, lines, skipped, obstacles } = planPreUpgrade(snapshot, endpoint, allowSingleReplica);
    const findings: Finding[] = obstacles.map((found) => upgradeFinding(cluster.cluster, endpoint, found));
    if (skipped.length > 0)
      findings.push({
        level: 'warning',
        text: `${counted(skipped.length, 'partition')} with one replica stay on ${endpoint} and are away during its upgrade: ${named(skipped)}`,
      });
    const extra = lines.filter((line) => line.extra !== '').length;
    const file = statfile === undefined ? undefined : { cluster: params.cluster, statfile };
    return framed({
      role: 'migrator',
      cluster,
      name: params.cluster,
      bounds: params,
      snapshot,
      changes,
      goal: { kind: 'leads-nothing', endpoint, butSingle: allowSingleReplica },
      mayPromote: false,
      lines,
      summary: [
        changes.length === 0
          ? `${endpoint} leads nothing that could be moved`
          : `${counted(changes.length, 'leader')} leave ${endpoint}; ${extra} of them get an extra replica, which post-upgrade removes`,
        ...(file ? [`what is moved is noted in ${file.statfile}`] : []),
      ],
      findings,
      ...(file ? { first: [fileStage('record', 'note in the statfile what is to be moved', 'record', file)] } : {}),
      ...(file && changes.length > 0
        ? {
            last: [
              fileStage(
                'prune',
                'take out of the statfile what was not moved',
                'prune-record',
                { ...file, endpoint, removeEmpty: false },
                true,
              ),
            ],
          }
        : {}),
      approval: `move ${counted(changes.length, 'leader')} away from ${endpoint} of ${params.cluster}`,
    });
  },

  conclude,
});

export const postUpgrade: KindDefinition<PostUpgradeParams> = defineKind({
  name: 'openmldb.post-upgrade',
  title: 'OpenMLDB: have a tablet lead again what it led before its upgrade',
  role: 'migrator',
  params: PostUpgradeParams,
  tolerant: false,
  guarded: true,
  actionMs: ACTION_MS,
  columns: COLUMNS,

  async plan(context) {
    const { params } = context;
    const { endpoint, statfile, tabletDeadlineMs } = params;
    await using cluster = context.target(params.cluster, openmldbCluster);
    const snapshot = await snapshotOf(cluster);
    const known = snapshot.tablets.some((tablet) => tablet.endpoint === endpoint);
    const lines = known ? (await recorded(context)).filter((line) => line.endpoint === endpoint) : [];
    const { changes, settled, gone, obstacles } = planPostUpgrade(snapshot, endpoint, lines);
    const findings: Finding[] = obstacles.map((found) => upgradeFinding(cluster.cluster, endpoint, found));
    if (known && lines.length === 0)
      findings.push({ level: 'warning', text: `nothing is noted of ${endpoint}: it led nothing that was moved` });
    if (gone.length > 0) findings.push({ level: 'warning', text: `dropped since the upgrade: ${named(gone)}` });
    const file = statfile === undefined ? undefined : { cluster: params.cluster, statfile };
    const wait: StageSpec = {
      name: 'await-tablet',
      title: `wait for ${endpoint}`,
      concurrency: 1,
      tasks: [
        {
          id: 'await-tablet',
          task: taskName('migrator', 'await-tablet'),
          params: { cluster: params.cluster, endpoint, tabletDeadlineMs },
          placement: 'role',
        },
      ],
    };
    return framed({
      role: 'migrator',
      cluster,
      name: params.cluster,
      bounds: params,
      snapshot,
      changes,
      goal: { kind: 'spread' },
      mayPromote: false,
      lines,
      summary: [
        `${counted(changes.length, 'partition')} come back to ${endpoint}, ${counted(settled.length, 'partition')} are there already`,
        `${counted(lines.filter((line) => line.extra !== '').length, 'extra replica')} are removed`,
      ],
      findings,
      first: changes.length > 0 ? [wait] : [],
      ...(file && known
        ? {
            last: [
              fileStage(
                'prune',
                'take out of the statfile what has come back',
                'prune-record',
                { ...file, endpoint, removeEmpty: true },
                true,
              ),
            ],
          }
        : {}),
      approval: `have ${endpoint} of ${params.cluster} lead ${counted(changes.length, 'partition')} again`,
    });
  },

  conclude,
});

/** What was noted when its leaders were moved away: in a file, or in the plan of the operation that did it. */
async function recorded(context: TaskContext<PostUpgradeParams>): Promise<StatLine[]> {
  const { endpoint, statfile, from } = context.params;
  if (from !== undefined) {
    const before = await context.operationOf(from);
    if (before?.kind !== preUpgrade.name) throw NotAnUpgrade({ from, endpoint });
    const lines = linesOf(before.planData);
    if (PreUpgradeParams.parse(before.params).endpoint !== endpoint) throw NotAnUpgrade({ from, endpoint });
    return lines;
  }
  const path = statfile!;
  await assertReplaceable(path);
  const text = await readText(path);
  if (text === null) throw NoStatFile({ statfile: path, endpoint });
  return parseStatFile(path, text);
}

function fileStage(name: string, title: string, task: string, params: { [key: string]: string | boolean }, always = false): StageSpec {
  return {
    name,
    title,
    concurrency: 1,
    tasks: [{ id: name, task: taskName('migrator', task), params, placement: 'role' }],
    ...(always ? { always: true } : {}),
  };
}
