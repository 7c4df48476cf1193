/**
 * Reading back what the sink holds.
 *
 * Without `reduce_mem_usage`: the server then merges what it has of a series, in order of time and deduplicated as every query
 * sees it, so that a series of a chunk comes as the very lines that were sent (`max_rows_per_line` is our own line length).
 * With it, blocks come as they are stored, unordered, and points that dedup hides would count as there.
 */
import { MAX_POINTS_PER_LINE, type TimeRange } from '../../model.ts';
import { countItems, viewLines, wholeLines } from './lines.ts';
import type { Matchers } from './selector.ts';
import { selector } from './selector.ts';
import type { Wire } from './wire.ts';
import { ask, moment } from './wire.ts';

export interface ExportRequest {
  metric: string;
  matchers?: Matchers;
  /** Half-open as everywhere; the server's `end` is inclusive, so it gets `stopMs - 1`. */
  range: TimeRange;
  signal?: AbortSignal | undefined;
}

/** Time 0 counts as "not given" in parts of the server. */
export const FIRST_MS = 1;

/**
 * Buffers of whole export lines, the receiver's to keep; memory is one line and one network chunk. Throws LSH_VM_READ when
 * the sink refuses, LSH_VM_EXPORT when the reply ends inside a line, LSH_HTTP_BROKEN or LSH_HTTP_TIMEOUT when it breaks off.
 * A fault of the server in the middle of a reply ends the connection or puts a line there that is no series (`viewLine`).
 */
export async function* exportRange(
  wire: Wire,
  { metric, matchers, range, signal }: ExportRequest,
): AsyncGenerator<Buffer, void, undefined> {
  if (range.stopMs <= Math.max(FIRST_MS, range.startMs)) return;
  const reply = await ask(wire, {
    endpoint: wire.address.select,
    path: '/api/v1/export',
    query: {
      'match[]': selector(metric, matchers),
      start: moment(Math.max(FIRST_MS, range.startMs)),
      end: moment(range.stopMs - 1),
      max_rows_per_line: MAX_POINTS_PER_LINE,
      // In a cluster with a storage node down the reply would otherwise be partial and say so only in the log.
      deny_partial_response: 1,
    },
    deadlineMs: wire.settings.readDeadlineMs,
    signal,
    what: `export ${metric}`,
  });
  yield* wholeLines(reply.body, wire.sink);
}

/** Points in an export, counted line by line. */
export async function countExported(wire: Wire, request: ExportRequest): Promise<number> {
  let points = 0;
  for await (const block of exportRange(wire, request)) {
    for (const line of viewLines(block, wire.sink)) points += countItems(block, line.timesStart, line.timesEnd);
  }
  return points;
}
