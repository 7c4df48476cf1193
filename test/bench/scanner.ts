/**
 * How fast replies of an OpenTSDB become import lines, on one core, without network and disk.
 *
 *   node test/bench/scanner.ts [rounds]
 *
 * Prints points per second and CPU-µs per point for the same two million points in 20, 200 and 2,000 series, read in chunks of
 * 64 KiB as a socket gives them, and the spread between the shapes (the cost of a point must not depend on the number of series).
 */
import { ReplyScanner } from '../../packages/tsdb/src/client/opentsdb/scanner.ts';

interface Shape {
  series: number;
  points: number;
}

const SHAPES: Shape[] = [
  { series: 20, points: 100_000 },
  { series: 200, points: 10_000 },
  { series: 2_000, points: 1_000 },
  { series: 2_000, points: 100 },
];
const CHUNK_BYTES = 64 * 1024;
const START = Date.UTC(2026, 10, 20);
const STEP_MS = 60_000;
const rounds = Number(process.argv[2] ?? 7);

/** Values as a network's counters are: integers that grow, some floats with many digits. */
function valueText(series: number, point: number): string {
  if (series % 4 === 0) return String((point * 7919 + series) % 100_000);
  if (series % 4 === 1) return String(point % 10);
  if (series % 4 === 2) return String(9_000_000_000 + point * 12_345);
  return (0.5 + ((point * 2_654_435_761) % 1_000_000_007) / 2e9).toPrecision(15);
}

function reply({ series, points }: Shape): Buffer[] {
  const parts: string[] = [];
  for (let s = 0; s < series; s++) {
    const pairs: string[] = [];
    for (let p = 0; p < points; p++) pairs.push(`[${START + p * STEP_MS},${valueText(s, p)}]`);
    const tags = `{"switchid":"00:00:00:00:00:00:${s.toString(16)}","flowid":"flow_${s}","direction":"forward"}`;
    parts.push(`${s === 0 ? '[' : ','}{"metric":"kilda.flow.packets","tags":${tags},"aggregateTags":[],"dps":[${pairs.join(',')}]}`);
  }
  const whole = Buffer.from(`${parts.join('')}]`);
  const chunks: Buffer[] = [];
  for (let at = 0; at < whole.length; at += CHUNK_BYTES) chunks.push(Buffer.from(whole.subarray(at, at + CHUNK_BYTES)));
  return chunks;
}

async function scan(chunks: Buffer[]): Promise<{ points: number; lineBytes: number }> {
  const frame = { startMs: START, stopMs: START + 200_000 * STEP_MS };
  const scanner = new ReplyScanner({ metric: 'kilda.flow.packets', frame, what: 'the benchmark' }, async () => undefined);
  for (const chunk of chunks) {
    const wait = scanner.push(chunk);
    if (wait !== undefined) await wait;
  }
  return scanner.end();
}

const costs: number[] = [];
for (const shape of SHAPES) {
  const chunks = reply(shape);
  const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  const repeats = Math.max(1, Math.round(2_000_000 / (shape.series * shape.points)));
  const cpu: number[] = [];
  const wall: number[] = [];
  let lineBytes = 0;
  for (let round = 0; round <= rounds; round++) {
    const cpuBefore = process.cpuUsage();
    const wallBefore = performance.now();
    let points = 0;
    for (let i = 0; i < repeats; i++) {
      const summary = await scan(chunks);
      points += summary.points;
      lineBytes = summary.lineBytes;
    }
    const { user, system } = process.cpuUsage(cpuBefore);
    if (points !== repeats * shape.series * shape.points) throw new Error(`expected all points, got ${points}`);
    if (round === 0) continue; // compiling
    cpu.push((user + system) / points);
    wall.push((points / (performance.now() - wallBefore)) * 1000);
  }
  const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] ?? 0;
  costs.push(median(cpu));
  console.log(
    `${String(shape.series).padStart(5)} × ${String(shape.points).padEnd(7)} ${(bytes / 1e6).toFixed(1).padStart(6)} MB in, ${(lineBytes / 1e6).toFixed(1).padStart(6)} MB out` +
      `  ${(median(wall) / 1e6).toFixed(1).padStart(6)} million points/s  ${median(cpu).toFixed(4)} CPU-µs a point`,
  );
}
console.log(`dearest to cheapest: ${(Math.max(...costs) / Math.min(...costs)).toFixed(2)}`);
