/** What one measurement came to, and how a run of several is shown. */

/** The JSON line of a measurement. */
export interface Measurement {
  name: string;
  points: number;
  /** From the first batch's query to the last batch acknowledged, or verified. */
  seconds: number;
  /** Of the whole operation, what lies before and after that. */
  fixedSeconds: number;
  pointsPerSecond: number;
  /** Of all Longshore processes together, within `seconds`. */
  cpuSeconds: number;
  /** The largest Longshore process. */
  peakRssMb: number;
  versions: Record<string, string>;
  /** `appendfsync` of the fleet's Redis. */
  fsync: string;
}

/** Also measured, for people: what the others took of the machine within `seconds`. */
export interface Result {
  measurement: Measurement;
  sinkCpuSeconds?: number;
  sourceCpuSeconds?: number;
  /** Points per second of every round, of which this is the middle one. */
  rounds?: number[];
}

export interface Goal {
  name: string;
  /** The measurement it is compared with. */
  to: string;
  atLeast: number;
}

function middle<T>(sorted: readonly T[]): T {
  return sorted[(sorted.length - 1) >> 1]!;
}

/** The run of the middle speed. */
export function median(results: readonly Result[]): Result {
  const sorted = results.toSorted((a, b) => a.measurement.seconds - b.measurement.seconds);
  return { ...middle(sorted), rounds: results.map(({ measurement }) => measurement.pointsPerSecond) };
}

const perPoint = (cpuSeconds: number | undefined, points: number): string =>
  cpuSeconds === undefined ? '–' : ((cpuSeconds * 1e6) / points).toFixed(2);

const HEADINGS = ['', 'points', 'seconds', 'points/s', 'CPU-µs a point', 'of the sink', 'of the source', 'peak MB', 'fixed s'];

export function table(results: readonly Result[]): string {
  const rows = results.map(({ measurement: m, sinkCpuSeconds, sourceCpuSeconds }) => [
    m.name,
    m.points.toLocaleString('en'),
    m.seconds.toFixed(2),
    Math.round(m.pointsPerSecond).toLocaleString('en'),
    perPoint(m.cpuSeconds, m.points),
    perPoint(sinkCpuSeconds, m.points),
    perPoint(sourceCpuSeconds, m.points),
    m.peakRssMb.toFixed(0),
    m.fixedSeconds.toFixed(1),
  ]);
  const widths = HEADINGS.map((heading, column) => Math.max(heading.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]): string =>
    cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join('  ');
  return [line(HEADINGS), ...rows.map(line)].join('\n');
}

/**
 * `migrate : source-read` … with what is aimed at; only for what was measured. Rounds are compared one by one, since what was measured
 * within seconds of each other had the same machine; the middle ratio counts.
 */
export function ratios(results: readonly Result[], goals: readonly Goal[]): string[] {
  const speeds = new Map(results.map(({ measurement, rounds }) => [measurement.name, rounds ?? [measurement.pointsPerSecond]]));
  return goals.flatMap(({ name, to, atLeast }) => {
    const [own, other] = [speeds.get(name), speeds.get(to)];
    if (own === undefined || other === undefined) return [];
    const ratio = middle(own.map((speed, round) => speed / other[round]!).toSorted((a, b) => a - b));
    return [`${`${name} : ${to}`.padEnd(44)} ${ratio.toFixed(2)}  (aim: at least ${atLeast})${ratio < atLeast ? '  MISSED' : ''}`];
  });
}

/** The cost of a point must depend neither on the number of series nor be large. */
export function costs(results: readonly Result[], names: readonly string[], aims: { most: number; spread: number }): string[] {
  const found = results.filter(({ measurement }) => names.includes(measurement.name));
  const each = found.map(({ measurement }) => (measurement.cpuSeconds * 1e6) / measurement.points);
  const lines = found.map(({ measurement }, at) => {
    const missed = each[at]! > aims.most ? '  MISSED' : '';
    return `${`${measurement.name}, CPU-µs a point`.padEnd(44)} ${each[at]!.toFixed(2)}  (aim: at most ${aims.most})${missed}`;
  });
  if (each.length < 2) return lines;
  const spread = Math.max(...each) / Math.min(...each);
  lines.push(
    `${'dearest to cheapest of these'.padEnd(44)} ${spread.toFixed(2)}  (aim: at most ${aims.spread})${spread > aims.spread ? '  MISSED' : ''}`,
  );
  return lines;
}

/** Of values in any order. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
