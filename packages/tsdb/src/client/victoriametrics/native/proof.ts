/**
 * Proof that the native blocks of a sink say what its JSON lines say: points of a probe are read both ways, and both must come to exactly
 * what was sent.
 *
 * One part lies at the present and has numbers of every kind that is stored in a way of its own, among them such as do not fit into a
 * float64's whole numbers, and a label with bytes that are escaped. Two lie at the ends of the wanted times. In each a point is sent twice:
 * a sink that hides duplicates in its answers (dedup), or shows fewer points the older they are (downsampling), hides nothing in its
 * blocks, which could then confirm points that nobody can query. Such a sink is read back as JSON lines.
 */
import { compareChunk } from '../compare.ts';
import type { ExportRequest } from '../export.ts';
import { exportRange } from '../export.ts';
import { SeriesKeys } from '../labels.ts';
import type { Wire } from '../wire.ts';
import type { BlockLayout } from './block.ts';
import { ConfirmBuffers } from './confirm.ts';
import { confirmChunk } from './export.ts';
import { NativeNames } from './names.ts';

/** One export of each kind is held against `lines`. */
export interface ProofPart {
  lines: Buffer;
  request: ExportRequest;
}

/** Enough for lists of numbers that are compressed. */
const ROWS = 240;

/** `name`: what metric and run the points belong to. Times are those that will be written, and now, in ms. */
export function proofParts(metric: string, run: string, times: { oldest: number; newest: number; now: number }): ProofPart[] {
  const doubled = (values: string[]): string[] => [values[0]!, ...values];
  const part = (name: string, startMs: number, series: Record<string, string[]>): ProofPart => {
    const lines = Object.entries(series).map(([shape, values]) => {
      const labels = JSON.stringify({ __name__: metric, run, part: name, shape });
      const timestamps = doubled(values.map((_, at) => String(startMs + at)));
      return `{"metric":${labels},"values":[${doubled(values)}],"timestamps":[${timestamps}]}\n`;
    });
    const range = { startMs, stopMs: startMs + ROWS };
    return { lines: Buffer.from(lines.join('')), request: { metric, matchers: { run, part: name }, range } };
  };
  const few = { few: ['3', '1.5', '-2'] };
  return [
    part('proofNow', times.now - ROWS, shapes()),
    part('proofOldest', times.oldest, few),
    part('proofNewest', Math.max(times.oldest, times.newest - ROWS), few),
  ];
}

/** Values by the way they are stored. All of them come back unchanged, so that there is nothing to be lenient about. */
function shapes(): Record<string, string[]> {
  let state = 1;
  const next = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const rows = (value: (at: number) => string): string[] => Array.from({ length: ROWS }, (_, at) => value(at));
  let total = 0;
  return {
    constant: rows(() => '7'),
    'constant step': rows((at) => String(1000 - 3 * at)),
    counter: rows(() => {
      total += next(5000);
      return String(total);
    }),
    gauge: rows(() => String(next(1_000_000) - 500_000)),
    decimal: rows(() => `${next(1000)}.${1 + next(9)}`),
    'beyond 2^53': rows((at) => (at % 2 === 0 ? `0.${String(100_000_000_001 + next(899_999_999_990))}` : `${next(900_000)}.5`)),
    'short: öß\u0000\u0001\u0002"\\': ['1', '-1', '0.25'],
  };
}

/** Whether a sink's native blocks are as good as its JSON lines for these parts, and how they are laid out. */
export type Proof =
  | { proven: true; layout: BlockLayout }
  | { proven: false; reason: string /** It may only be too early. */; again: boolean };

export async function proveNative(wire: Wire, parts: readonly ProofPart[], signal?: AbortSignal): Promise<Proof> {
  const { sink } = wire;
  const options = { keys: new SeriesKeys(sink), names: new NativeNames(), buffers: new ConfirmBuffers() };
  let layout: BlockLayout = 'full';
  for (const { lines, request } of parts) {
    const asked = { ...request, signal };
    const { comparison } = await compareChunk(lines, exportRange(wire, asked), { sink });
    const { points, matched, missing } = comparison;
    if (missing > 0) return { proven: false, reason: `its JSON lines lack ${missing} of ${points} points of the probe`, again: true };
    if (matched !== points || comparison.extra > 0)
      return { proven: false, reason: 'its JSON lines differ from the points of the probe', again: false };
    let outcome = await confirmChunk(wire, lines, asked, { ...options, layout });
    if (outcome.confirmed === undefined && outcome.kind === 'failed' && layout === 'full') {
      const bare = await confirmChunk(wire, lines, asked, { ...options, layout: 'bare' });
      if (bare.confirmed !== undefined) [outcome, layout] = [bare, 'bare'];
    }
    if (outcome.confirmed === undefined) return { proven: false, reason: outcome.reason, again: false };
    if (outcome.confirmed.comparison.matched !== points)
      return { proven: false, reason: 'its native blocks differ from its JSON lines', again: false };
  }
  return { proven: true, layout };
}
