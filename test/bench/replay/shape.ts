/** The data of the replay: metrics alike but for their names, a fixed step, values as a network's telemetry has them. */
import { seededRandom } from '../../dataset/random.ts';
import { type ValueKind, values } from '../../dataset/values.ts';

const DAY_MS = 86_400_000;
const FIRST_DAY = Date.UTC(2026, 2, 1);
/** A point a minute, as in the kilda data set. */
const STEP_MS = 60_000;
/** Moved first, so that processes are warm and have seen how dense the metrics are. */
const WARM_UP_DAYS = 4;

export interface Shape {
  name: string;
  /** Of each metric. */
  series: number;
  metrics: number;
  stepMs: number;
  /** Of a batch: so long that batches of both shapes are of like size, and many. */
  intervalMs: number;
}

export const SHAPES: readonly Shape[] = [
  { name: '20', series: 20, metrics: 16, stepMs: STEP_MS, intervalMs: 2 * DAY_MS },
  { name: '2000', series: 2_000, metrics: 4, stepMs: STEP_MS, intervalMs: DAY_MS / 6 },
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
  const perDay = shape.metrics * shape.series * (DAY_MS / shape.stepMs);
  const days = Math.max(1, Math.ceil(points / perDay));
  const startMs = FIRST_DAY + WARM_UP_DAYS * DAY_MS;
  return {
    shape,
    metrics: Array.from({ length: shape.metrics }, (_, index) => `replay.s${shape.name}.m${String(index).padStart(2, '0')}`),
    warmUp: { startMs: FIRST_DAY, stopMs: startMs },
    measured: { startMs, stopMs: startMs + days * DAY_MS },
    points: days * perDay,
  };
}

/** The points of all series on one day, as OpenTSDB prints them: `[ms,value],[ms,value],…`, a comma behind each. */
export interface RenderedDay {
  text: Buffer;
  /** Where each point begins, series after series, and behind the last one. */
  offsets: Uint32Array;
}

/** Each series has its own ms within the step. */
export function offsetOf(series: number, stepMs: number): number {
  return (series * 7_001) % stepMs;
}

const KINDS: readonly ValueKind[] = ['counter', 'gauge', 'decimal', 'gauge', 'counter', 'double'];

export function renderDay({ series, stepMs }: Shape, dayStartMs: number): RenderedDay {
  const parts: Buffer[] = [];
  const offsets = new Uint32Array(series * (DAY_MS / stepMs) + 1);
  let point = 0;
  let length = 0;
  for (let index = 0; index < series; index++) {
    const stream = values(KINDS[index % KINDS.length]!, seededRandom(dayStartMs / DAY_MS + index * 1_009));
    let text = '';
    for (let at = dayStartMs + offsetOf(index, stepMs); at < dayStartMs + DAY_MS; at += stepMs) {
      offsets[point++] = length + text.length;
      text += `[${at},${stream.next().value.text}],`;
    }
    const part = Buffer.from(text);
    parts.push(part);
    length += part.length;
  }
  offsets[point] = length;
  return { text: Buffer.concat(parts, length), offsets };
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
