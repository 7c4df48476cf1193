/** The data of the replay: metrics alike but for their names, a fixed step, values as a network's telemetry has them. */
import { seededRandom } from '../../dataset/random.ts';
import { type ValueKind, values } from '../../dataset/values.ts';

const DAY_MS = 86_400_000;
const FIRST_DAY = Date.UTC(2026, 2, 1);
const METRICS = 4;
/** Moved first, so that processes are warm and have seen how dense the metrics are. */
const WARM_UP_DAYS = 2;

export interface Shape {
  name: string;
  /** Of each metric. */
  series: number;
  stepMs: number;
}

/** Points of both shapes are as many a day, and come in frames of the same size. */
export const SHAPES: readonly Shape[] = [
  { name: '20', series: 20, stepMs: 6_000 },
  { name: '2000', series: 2_000, stepMs: 600_000 },
];

export interface Replay {
  shape: Shape;
  metrics: string[];
  warmUp: { startMs: number; stopMs: number };
  measured: { startMs: number; stopMs: number };
  /** In the measured part. */
  points: number;
}

/** As many whole days as it takes to have at least `points`. */
export function replayOf(shape: Shape, points: number): Replay {
  const perDay = METRICS * shape.series * (DAY_MS / shape.stepMs);
  const days = Math.max(1, Math.ceil(points / perDay));
  const startMs = FIRST_DAY + WARM_UP_DAYS * DAY_MS;
  return {
    shape,
    metrics: Array.from({ length: METRICS }, (_, index) => `replay.s${shape.name}.m${String(index).padStart(2, '0')}`),
    warmUp: { startMs: FIRST_DAY, stopMs: startMs },
    measured: { startMs, stopMs: startMs + days * DAY_MS },
    points: days * perDay,
  };
}

/** The points of all series on one day, as OpenTSDB prints them: `[ms,value],[ms,value],…` */
export interface RenderedDay {
  /** Where each series begins in `text`, and behind the last one. */
  starts: number[];
  text: Buffer;
}

/** Each series has its own ms within the step. */
export function offsetOf(series: number, stepMs: number): number {
  return (series * 7_001) % stepMs;
}

const KINDS: readonly ValueKind[] = ['counter', 'gauge', 'decimal', 'gauge', 'counter', 'double'];

export function renderDay({ series, stepMs }: Shape, dayStartMs: number): RenderedDay {
  const starts: number[] = [];
  const parts: Buffer[] = [];
  let length = 0;
  for (let index = 0; index < series; index++) {
    starts.push(length);
    const stream = values(KINDS[index % KINDS.length]!, seededRandom(dayStartMs / DAY_MS + index * 1_009));
    const pairs: string[] = [];
    for (let at = dayStartMs + offsetOf(index, stepMs); at < dayStartMs + DAY_MS; at += stepMs)
      pairs.push(`[${at},${stream.next().value.text}]`);
    const part = Buffer.from(pairs.join(','));
    parts.push(part);
    length += part.length;
  }
  starts.push(length);
  return { starts, text: Buffer.concat(parts, length) };
}

/** As kilda names its flows. */
export function tagsOf(index: number): string {
  const tags = {
    flowid: `flow-${String(index >> 1).padStart(4, '0')}`,
    direction: index % 2 === 0 ? 'forward' : 'reverse',
    cookie: (0x40_00_00_00 + index).toString(16),
    switchid: (0xa0_00 + (index % 12)).toString(16).padStart(16, '0'),
  };
  return JSON.stringify(tags);
}
