/** The live view as lines: pure, so that a test can hold it against a golden text. */
import type { OperationState, StageState } from '@longshore/core';
import { lagMs } from '@longshore/core';
import { duration } from '@longshore/operations';
import type { Style } from '../terminal.ts';
import type { Line, Span } from '../text.ts';
import { bytes, clockTime, count, plural } from '../text.ts';
import type { Picture } from './picture.ts';

const BAR_WIDTH = 24;
const TITLE_WIDTH = 44;
const EVENTS_SHOWN = 4;
const TASKS_SHOWN = 4;
const STAGES_SHOWN = 8;

const STATE_STYLE: Partial<Record<OperationState, Style>> = {
  running: 'cyan',
  succeeded: 'green',
  failed: 'red',
  cancelled: 'yellow',
  paused: 'yellow',
  'needs-attention': 'red',
};

const MARK: Record<StageState['state'], Span> = {
  pending: { style: 'dim', text: '·' },
  running: { style: 'cyan', text: '>' },
  done: { style: 'green', text: '✓' },
  failed: { style: 'red', text: '✗' },
  skipped: { style: 'dim', text: '-' },
};

export function frame(picture: Picture): Line[] {
  return [
    headLine(picture),
    ...stageLines(picture),
    ...numberLines(picture),
    ...guardLines(picture),
    ...gateLines(picture),
    ...taskLines(picture),
    ...eventLines(picture),
    ...(picture.silentSince === undefined
      ? []
      : [
          [
            {
              style: 'yellow' as const,
              text: `  the fleet gives no answer since ${duration(picture.now - picture.silentSince)}; trying again`,
            },
          ],
        ]),
    ...(picture.hint === undefined ? [] : [[{ style: 'dim' as const, text: `  ${picture.hint}` }]]),
  ];
}

/** What the state comes to for a person, with what was asked of it. */
export function stateWords({ header, now }: Pick<Picture, 'header' | 'now'>): string {
  if (header.state === 'submitted') return `being planned, for ${duration(now - header.createdAt)}`;
  const since =
    header.startedAt === undefined
      ? ''
      : ` ${header.endedAt === undefined ? 'for' : 'after'} ${duration((header.endedAt ?? now) - header.startedAt)}`;
  const asked =
    header.intent === undefined || header.endedAt !== undefined ? '' : `, ${header.intent} asked by ${header.intentBy ?? 'somebody'}`;
  return `${header.state}${since}${asked}`;
}

function headLine(picture: Picture): Line {
  const { header } = picture;
  const words = stateWords(picture);
  const style = STATE_STYLE[header.state];
  return [{ style: 'bold', text: header.id }, ` ${header.kind}: `, style ? { style, text: words } : words];
}

function stageLines({ header, titles }: Picture): Line[] {
  const { stages } = header;
  // With many stages, those around the current one are the interesting ones.
  const from = Math.max(0, Math.min(header.stage - 2, stages.length - STAGES_SHOWN));
  const shown = stages.slice(from, from + STAGES_SHOWN);
  const width = Math.min(TITLE_WIDTH, Math.max(...shown.map((stage, at) => (titles[from + at] ?? stage.name).length), 0));
  return shown.map((stage, at) => {
    const title = titles[from + at] ?? stage.name;
    const cut = title.length > width ? `${title.slice(0, width - 1)}…` : title.padEnd(width);
    if (stage.total === 0) return ['  ', MARK[stage.state], ` ${cut.trimEnd()}`];
    const line: Line = ['  ', MARK[stage.state], ` ${cut}  `];
    const over = stage.done + stage.failed + stage.skipped;
    line.push(bar(over / stage.total), `  ${count(over)} of ${count(stage.total)}`);
    if (stage.failed > 0) line.push(', ', { style: 'red', text: `${count(stage.failed)} failed` });
    if (stage.skipped > 0) line.push(`, ${count(stage.skipped)} skipped`);
    return line;
  });
}

/** `[##########..............]`: legible everywhere, also without colour. */
function bar(share: number): string {
  const full = Math.floor(Math.min(1, share) * BAR_WIDTH);
  return `[${'#'.repeat(full)}${'.'.repeat(BAR_WIDTH - full)}]`;
}

function numberLines({ numbers, speeds, header, now }: Picture): Line[] {
  const parts = numberParts({ numbers, speeds });
  parts.push(...lagParts({ header, now }));
  if (header.endedAt === undefined && speeds.etaMs !== undefined) parts.push(`about ${duration(speeds.etaMs)} left`);
  return parts.length === 0 ? [] : [[`  ${parts.join('   ')}`]];
}

/** How far behind the source it is, where it follows one. */
function lagParts({ header, now }: Pick<Picture, 'header' | 'now'>): string[] {
  const lag = header.endedAt === undefined ? lagMs(header, now) : undefined;
  return lag === undefined ? [] : [`${duration(lag)} behind`];
}

/** Numbers that are not zero, in a fixed order. */
export function numberParts({ numbers, speeds }: Pick<Picture, 'numbers' | 'speeds'>): string[] {
  const parts: string[] = [];
  if (numbers.pointsDumped > 0) parts.push(`${count(numbers.pointsDumped)} points dumped`);
  if (numbers.points > 0) parts.push(`${count(numbers.points)} restored`);
  if (numbers.pointsVerified > 0) parts.push(`${count(numbers.pointsVerified)} verified`);
  if (speeds.pointsPerSecond) parts.push(`${count(speeds.pointsPerSecond)} points/s`);
  if (speeds.bytesPerSecond) parts.push(`${bytes(speeds.bytesPerSecond)}/s`);
  if (numbers.retries > 0) parts.push(plural(numbers.retries, 'retry', 'retries'));
  return parts;
}

/** What must not stay as it is, with the time it has left: nothing is more important at three in the morning. */
function guardLines({ guards = [], now }: Picture): Line[] {
  return guards
    .filter(({ state }) => state === 'open')
    .map(({ what, target, openedAt, maxMs }): Line => {
      const left = openedAt + maxMs - now;
      const clock = left > 0 ? `${duration(left)} left of ${duration(maxMs)}` : `over its time by ${duration(-left)}, it is being ended`;
      return ['  ', { style: left > 0 ? 'yellow' : 'red', text: 'guard' }, ` ${what}, on ${target}: ${clock}`];
    });
}

function gateLines({ tasks, now }: Picture): Line[] {
  const gated = Map.groupBy(
    tasks.filter((task) => task.gate),
    (task) => `${task.gate!.gate}: ${task.gate!.reason}`,
  );
  return [...gated].map(([reason, group]) => {
    const since = Math.min(...group.map((task) => task.gate!.since));
    return ['  ', { style: 'yellow', text: 'waits' }, ` for ${duration(now - since)} (${plural(group.length, 'task')}), ${reason}`];
  });
}

function taskLines({ tasks, now }: Picture): Line[] {
  const lines: Line[] = [];
  const running = tasks.filter((task) => task.state === 'running');
  for (const task of running.slice(0, TASKS_SHOWN)) {
    const { progress } = task;
    const done = progress
      ? `, ${count(progress.done)}${progress.total === undefined ? '' : ` of ${count(progress.total)}`} ${progress.unit}`
      : '';
    lines.push(['  ', { style: 'dim', text: 'at work' }, ` ${task.id}${done} (${task.worker})`]);
  }
  if (running.length > TASKS_SHOWN) lines.push(['  ', { style: 'dim', text: 'at work' }, ` and ${running.length - TASKS_SHOWN} more`]);
  for (const task of tasks.filter((one) => one.notBefore !== undefined).slice(0, 2))
    lines.push([
      '  ',
      { style: 'yellow', text: 'again' },
      ` ${task.id} in ${duration(task.notBefore! - now)}: ${task.lastError ?? 'it failed'}`,
    ]);
  return lines;
}

function eventLines({ events }: Picture): Line[] {
  return events.slice(-EVENTS_SHOWN).map(({ at, text }) => [{ style: 'dim', text: `  ${clockTime(at)}` }, ` ${text}`]);
}

/** `3,000 moves` */
export function inUnits({ total, unit }: Pick<Picture['numbers'], 'total' | 'unit'>): string {
  const one: Readonly<Record<string, string>> = { batches: 'batch', metrics: 'metric', files: 'file', tasks: 'task', stages: 'stage' };
  return plural(total, one[unit] ?? unit, unit);
}

/** The same in one line, for logs and pipes. */
export function statusLine(picture: Picture): string {
  const { numbers, speeds, header } = picture;
  const parts = [stateWords(picture)];
  if (numbers.total > 0) parts.push(`${count(numbers.done)} of ${inUnits(numbers)}`);
  parts.push(...numberParts(picture), ...lagParts(picture));
  if (header.endedAt === undefined && speeds.etaMs !== undefined) parts.push(`about ${duration(speeds.etaMs)} left`);
  const gates = new Set(picture.tasks.flatMap(({ gate }) => gate?.reason ?? []));
  if (gates.size > 0) parts.push(`waits: ${[...gates].join('; ')}`);
  return `${clockTime(picture.now)} ${parts.join(', ')}`;
}
