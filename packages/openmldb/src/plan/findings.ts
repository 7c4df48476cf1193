/** What planners find, in words. Pure. */
import type { ErrorEntry, Finding } from '@longshore/core';
import {
  FollowerAway,
  NamedTwice,
  NoLeader,
  NotHeld,
  NowhereToGo,
  OthersAtWork,
  TabletAway,
  TooFewLeft,
  UnknownTablet,
} from '../errors.ts';
import type { ClusterSnapshot, Op } from '../model.ts';
import { partitionName } from '../model.ts';
import type { ScaleInObstacle } from './scale-in.ts';
import type { UpgradeObstacle } from './upgrade.ts';

/** Names said in one finding. */
const NAMED = 8;

export function named(names: readonly string[]): string {
  return names.length <= NAMED ? names.join(', ') : `${names.slice(0, NAMED).join(', ')} and ${names.length - NAMED} more`;
}

export function opName({ id, type, db, table, pid, status }: Op): string {
  return `${id} ${type} of ${partitionName({ db, table, pid })} (${status})`;
}

export function obstacle(error: ReturnType<ErrorEntry<never>>): Finding {
  return { level: 'error', text: error.message, error: error.data };
}

export function scaleInFinding(cluster: string, snapshot: ClusterSnapshot, found: ScaleInObstacle): Finding {
  switch (found.why) {
    case 'named-twice':
      return obstacle(NamedTwice(found));
    case 'not-serving': {
      const known = snapshot.tablets.map(({ endpoint }) => endpoint);
      if (known.includes(found.endpoint)) return obstacle(TabletAway({ cluster, endpoint: found.endpoint }));
      return obstacle(UnknownTablet({ cluster, endpoint: found.endpoint, known }));
    }
    case 'too-few-left':
      return obstacle(TooFewLeft(found));
    case 'no-leader':
      return obstacle(NoLeader(found));
    case 'away':
      return obstacle(FollowerAway(found));
  }
}

export function upgradeFinding(cluster: string, endpoint: string, found: UpgradeObstacle): Finding {
  switch (found.why) {
    case 'unknown-tablet':
      return obstacle(UnknownTablet({ cluster, endpoint: found.endpoint, known: found.known }));
    case 'nowhere':
      return obstacle(NowhereToGo(found));
    case 'no-leader':
      return obstacle(NoLeader(found));
    case 'no-partition':
      return obstacle(NotHeld({ partition: found.partition, endpoint }));
  }
}

/** Ops in progress that are not ours: the operation has not begun yet. */
export function foreignFindings(cluster: string, ops: readonly Op[], foreign: 'wait' | 'refuse'): Finding[] {
  if (ops.length === 0) return [];
  if (foreign === 'refuse') return [obstacle(OthersAtWork({ cluster, ops: ops.map(opName) }))];
  return [{ level: 'warning', text: `${ops.length} ops of others are in progress and are waited for: ${named(ops.map(opName))}` }];
}
