/**
 * Names of folders as otsdb-to-vm gives them: `opentsdb-data-2022.01.01_2022.01.02` while it is dumped, with `_dump_done` behind it when it
 * is ready. With hours, `opentsdb-data-2022.01.01_00:00:00_2022.01.01_01:00:00`. Pure.
 */
import type { FolderLayout } from '@longshore/spool';
import type { BatchPlan, FolderNames } from './batches.ts';
import { batchAt, batchCount } from './batches.ts';

const READY = '_dump_done';
const RESTORED = '_restored';
const BATCH = /^b(\d{7,})(?:-r(\d+))?$/;

function clock(timeZone: string): (ms: number) => { day: string; time: string } {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
  });
  return (ms) => {
    const parts = Object.fromEntries(format.formatToParts(ms).map(({ type, value }) => [type, value]));
    return { day: `${parts.year}.${parts.month}.${parts.day}`, time: `${parts.hour}:${parts.minute}:${parts.second}` };
  };
}

/** The name of a window's folder while it is dumped. Windows that do not begin and end at midnight have times in their names. */
export function windowName({ prefix, timeZone }: FolderNames, { startMs, stopMs }: { startMs: number; stopMs: number }): string {
  const at = clock(timeZone);
  const [from, to] = [at(startMs), at(stopMs)];
  const days = from.time === '00:00:00' && to.time === '00:00:00';
  const text = ({ day, time }: { day: string; time: string }): string => (days ? day : `${day}_${time}`);
  return `${prefix}${text(from)}_${text(to)}`;
}

/** The layout of a plan that has names for its folders; undefined otherwise. */
export function folderLayout(plan: BatchPlan): FolderLayout | undefined {
  const { folders } = plan;
  if (folders === undefined) return undefined;
  const base = (batch: string): string => {
    const [, unit = '', redo] = BATCH.exec(batch) ?? [];
    const name = windowName(folders, batchAt(plan, Number(unit)).range);
    return redo === undefined ? name : `${name}-r${redo}`;
  };
  // Windows are few: one a day, or one an hour.
  const batches = new Map(
    Array.from({ length: batchCount(plan) }, (_, unit) => `b${String(unit).padStart(7, '0')}`).map((batch) => [base(batch), batch]),
  );
  const parse = (name: string): string | undefined => {
    const [, first = name, redo] = /^(.*)-r(\d+)$/.exec(name) ?? [];
    const batch = batches.get(name) ?? (redo === undefined ? undefined : batches.get(first));
    return batch === undefined || batches.has(name) ? batch : `${batch}-r${redo}`;
  };
  return {
    folder: (batch, state) => `${base(batch)}${state === 'dumping' ? '' : state === 'ready' ? READY : RESTORED}`,
    parse(name) {
      const state = name.endsWith(READY) ? 'ready' : name.endsWith(RESTORED) ? 'verified' : 'dumping';
      const bare = state === 'dumping' ? name : name.slice(0, -(state === 'ready' ? READY : RESTORED).length);
      const batch = parse(bare);
      return batch === undefined ? undefined : { batch, state };
    },
  };
}
