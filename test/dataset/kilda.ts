/**
 * The data set of the tests and the benchmark: telemetry as OpenKilda writes it. In full, 200 series of 7 metrics over the 7 days before
 * 2026-11-20, a point a minute, each series at its own second of the minute: 2,016,000 points. The same on every machine.
 */
import { seededRandom } from './random.ts';
import { type ValueKind, values } from './values.ts';

const DAY_MS = 86_400_000;
const STEP_MS = 60_000;
const FULL_DAYS = 7;
const STOP_MS = Date.UTC(2026, 10, 20);
export const POINTS_PER_DAY: number = DAY_MS / STEP_MS;

interface MetricSpec {
  metric: string;
  series: number;
  kind(index: number): ValueKind;
  tags(index: number): Record<string, string>;
}

const switchId = (index: number): string => (0xa0_00 + index).toString(16).padStart(16, '0');
const direction = (index: number): string => (index % 2 === 0 ? 'forward' : 'reverse');
const flowTags = (index: number): Record<string, string> => ({
  flowid: `flow-${String(index >> 1).padStart(4, '0')}`,
  direction: direction(index),
  cookie: (0x40_00_00_00 + index).toString(16),
  switchid: switchId(index % 12),
});
const portTags = (index: number): Record<string, string> => ({ switchid: switchId(index % 12), port: String(1 + Math.floor(index / 12)) });

/** 200 series. */
const METRICS: readonly MetricSpec[] = [
  { metric: 'kilda.flow.bytes', series: 50, kind: () => 'counter', tags: flowTags },
  { metric: 'kilda.flow.packets', series: 50, kind: () => 'gauge', tags: flowTags },
  {
    metric: 'kilda.flow.latency',
    series: 50,
    kind: () => 'decimal',
    tags: (index) => ({ flowid: `flow-${String(index >> 1).padStart(4, '0')}`, direction: direction(index) }),
  },
  {
    metric: 'kilda.switch.rx-bits',
    series: 18,
    kind: (index) => (index === 0 ? 'hugest' : index === 1 ? 'huge' : 'counter'),
    tags: portTags,
  },
  { metric: 'kilda.switch.tx-bits', series: 18, kind: () => 'gauge', tags: portTags },
  {
    metric: 'kilda.isl.rtt',
    series: 10,
    kind: () => 'double',
    tags: (index) => ({ src_switch: switchId(index), src_port: '49', dst_switch: switchId(index + 1), dst_port: '50' }),
  },
  { metric: 'kilda.temp.delta', series: 4, kind: () => 'mixed', tags: portTags },
];

export const KILDA_METRICS: readonly string[] = METRICS.map((spec) => spec.metric);
const ALL_SERIES = METRICS.reduce((sum, spec) => sum + spec.series, 0);

/** Time in ms, the value as OpenTSDB prints it, the value as it is put (see `Value`). */
export type Point = readonly [ms: number, text: string, sent: string];

export interface Series {
  metric: string;
  tags: Record<string, string>;
  /** Ascending; every call starts anew. */
  points(): Iterable<Point>;
}

export interface DatasetOptions {
  /** The last 1 to 7; 7 when absent. */
  days?: number;
  /** 1 to 200; 200 when absent. Fewer are the first of the full set, one of every metric before the second of any. */
  seriesCount?: number;
}

export interface Dataset {
  /** Names the content: equal names, equal points. */
  name: string;
  /** Half-open. */
  startMs: number;
  stopMs: number;
  days: number;
  /** All of them together. */
  points: number;
  metrics: string[];
  series(): Series[];
}

/** Which metric and which of its series every place of the full set is. */
function places(count: number): { spec: MetricSpec; index: number }[] {
  const found: { spec: MetricSpec; index: number }[] = [];
  for (let index = 0; found.length < count; index++) {
    for (const spec of METRICS) if (index < spec.series && found.length < count) found.push({ spec, index });
  }
  return found;
}

/** The last `days` of the seven, which are always made from their start, so that a smaller set is a part of the full one. */
function* points(kind: ValueKind, seed: number, firstMs: number, days: number): Generator<Point> {
  const stream = values(kind, seededRandom(seed));
  for (let step = 0; step < FULL_DAYS * POINTS_PER_DAY; step++) {
    const value = stream.next().value;
    if (step >= (FULL_DAYS - days) * POINTS_PER_DAY) yield [firstMs + step * STEP_MS, value.text, value.sent];
  }
}

/** Two sets of this agree wherever both have a point. */
export function kildaDataset(options: DatasetOptions = {}): Dataset {
  const days = options.days ?? FULL_DAYS;
  const seriesCount = options.seriesCount ?? ALL_SERIES;
  if (seriesCount < 1 || seriesCount > ALL_SERIES) throw new RangeError(`the data set has 1 to ${ALL_SERIES} series, not ${seriesCount}`);
  if (!Number.isInteger(days) || days < 1 || days > FULL_DAYS)
    throw new RangeError(`the data set has 1 to ${FULL_DAYS} whole days, not ${days}`);
  const chosen = places(seriesCount);
  const series = chosen.map(({ spec, index }, place): Series => {
    const firstMs = STOP_MS - FULL_DAYS * DAY_MS + ((place * 7) % 60) * 1_000;
    return { metric: spec.metric, tags: spec.tags(index), points: () => points(spec.kind(index), 1_000 + place, firstMs, days) };
  });
  return {
    name: `kilda-${seriesCount}-series-${days}-days`,
    startMs: STOP_MS - days * DAY_MS,
    stopMs: STOP_MS,
    days,
    points: seriesCount * days * POINTS_PER_DAY,
    metrics: KILDA_METRICS.filter((metric) => series.some((one) => one.metric === metric)),
    series: () => series,
  };
}
