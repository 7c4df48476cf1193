/** Network metrics for the demo: believable, and the same at every run. */
import type { SeriesInput } from './opentsdb/store.ts';

export interface DemoDataOptions {
  /** Start of the first day, ms since the epoch. */
  startMs: number;
  days?: number;
  switches?: number;
  flows?: number;
  /** Between two points of a series. */
  stepMs?: number;
}

const DAY_MS = 86_400_000;

/** A number in [0, 1) that depends on nothing but its arguments. */
function noise(series: number, at: number): number {
  let bits = Math.imul(series + 0x9e37, 0x85eb_ca6b) ^ Math.imul(at | 0, 0xc2b2_ae35);
  bits = Math.imul(bits ^ (bits >>> 15), 0x2c1b_3c6d);
  bits = Math.imul(bits ^ (bits >>> 12), 0x297a_2d39);
  return ((bits ^ (bits >>> 15)) >>> 0) / 2 ** 32;
}

/** Traffic follows the day: little at night, most in the afternoon. */
function daily(ms: number): number {
  return 0.6 - 0.4 * Math.cos(((ms % DAY_MS) / DAY_MS) * 2 * Math.PI - 0.6);
}

function switchId(at: number): string {
  return `00000000000000${(at + 1).toString(16).padStart(2, '0')}`;
}

function* points(
  options: Required<DemoDataOptions>,
  phaseMs: number,
  value: (ms: number, at: number) => string,
): Generator<[number, string]> {
  const stop = options.startMs + options.days * DAY_MS;
  for (let ms = options.startMs + phaseMs, at = 0; ms < stop; ms += options.stepMs, at += 1) yield [ms, value(ms, at)];
}

/** Series of `kilda.*` metrics: counters, gauges, times with decimals, and one metric with integers above 2^53. */
export function* demoData(given: DemoDataOptions): Generator<SeriesInput> {
  const options: Required<DemoDataOptions> = { days: 3, switches: 4, flows: 12, stepMs: 60_000, ...given };
  const { stepMs } = options;
  let series = 0;
  const make = (metric: string, tags: Record<string, string>, value: (ms: number, at: number) => string): SeriesInput => {
    series += 1;
    return { metric, tags, points: points(options, Math.floor(noise(series, 0) * (stepMs / 1000)) * 1000, value) };
  };
  for (let one = 0; one < options.switches; one += 1) {
    for (const port of ['1', '2']) {
      for (const direction of ['rx', 'tx']) {
        const id = one * 4 + Number(port) * 2 + (direction === 'rx' ? 0 : 1);
        let total = 0;
        yield make(`kilda.switch.${direction}-bytes`, { switchid: switchId(one), port }, (ms, at) => {
          total += Math.floor(daily(ms) * 4e6 * (0.5 + noise(id, at)));
          return String(total);
        });
      }
    }
  }
  for (let one = 0; one < options.flows; one += 1) {
    const flowid = `flow-${String(one + 1).padStart(3, '0')}`;
    for (const direction of ['forward', 'reverse']) {
      const id = 1000 + one * 2 + (direction === 'forward' ? 0 : 1);
      yield make('kilda.flow.packets', { flowid, direction }, (ms, at) => String(Math.floor(daily(ms) * 900 * noise(id, at))));
    }
    yield make('kilda.flow.latency', { flowid, direction: 'forward' }, (ms, at) => (1.8 + daily(ms) + noise(2000 + one, at)).toFixed(3));
  }
  for (let one = 0; one + 1 < options.switches; one += 1) {
    const tags = { src_switch: switchId(one), dst_switch: switchId(one + 1) };
    yield make('kilda.isl.rtt', tags, (_, at) => (0.0004 + noise(3000 + one, at) / 5000).toFixed(9));
    // Cookies are 64 bits wide; a tool that reads numbers as doubles loses their last digits.
    yield make('kilda.isl.cookie', tags, (_, at) => (4_611_686_018_427_387_905n + BigInt(one * 1000 + (at % 997))).toString());
  }
}
