/**
 * Proof that a sink keeps what it acknowledges. **This writes**: points under the metric `longshore.probe` with a `run` label of
 * their own, deleted again where the sink allows that.
 *
 * Old or new points out of retention, and bodies in an encoding it cannot read, are answered 204 and dropped. So: write one
 * point at the oldest and one at the newest wanted time, one at the present as a control, and one at the present in a zstd body;
 * flush; read back. What is not there when the control is, and still not after another flush, is dropped.
 *
 * The same points, and some more, are read back in the server's native format too: that is used in the run where both agree (`native/proof.ts`).
 *
 * A server that cannot read zstd counts the body as invalid rows, one second later: take counters to compare with after that.
 */
import { zstdCompressSync } from 'node:zlib';
import type { Random } from '@longshore/core';
import { LongshoreError } from '@longshore/core';
import { flagDurationMs, readFlags } from './counters.ts';
import { SinkCannotZstd, SinkDropsData, SinkNotReadable } from './errors.ts';
import { exportRange } from './export.ts';
import { forceFlush } from './flush.ts';
import type { BodyEncoding } from './import.ts';
import { importLines } from './import.ts';
import { viewLines } from './lines.ts';
import type { ProofPart } from './native/proof.ts';
import { proofParts, proveNative } from './native/proof.ts';
import { deleteSeries } from './remove.ts';
import type { Wire } from './wire.ts';

export const PROBE_METRIC = 'longshore.probe';

export interface ProbeRequest {
  /** First and last time that will be written, ms. */
  oldestMs: number;
  newestMs: number;
  signal?: AbortSignal;
}

/**
 * How a run reads back what it has written. `native`, and for old servers `native-bare` (see `BlockLayout`): JSON lines decide wherever
 * native blocks do not plainly confirm.
 */
export type ReadBack = 'native' | 'native-bare' | 'json';

export interface ProbeResult {
  encoding: BodyEncoding;
  readBack: ReadBack;
  /** Why it is `json`. */
  readBackReason?: string;
  /** How long a request may wait in the server before it takes effect. */
  queueMs: number;
  version?: string;
  /** As the server writes it; absent when it does not show its flags. */
  retention?: string;
  /** More than 0: the sink keeps one point per so much time and series. */
  dedupMs?: number;
  maxLineBytes?: number;
  /** False: the probe's series stay in the sink, see `warnings`. */
  deleted: boolean;
  /** For the report, in words. */
  warnings: string[];
}

/** Insert requests wait so long at most by default (`-insert.maxQueueDuration`). */
export const DEFAULT_QUEUE_MS = 60_000;
const POLL_MS = 250;
/** Without a flush the rows of each storage node show up in their own time, within some seconds. */
const UNFLUSHED_MS = 15_000;
/** Points of one body show up together; those of the proof are waited for so long, for they may be hidden for good. */
const PROOF_MS = 3_000;

type Part = 'oldest' | 'newest' | 'control' | 'zstd';

/** Throws LSH_SINK_RETENTION, LSH_VM_ENCODING, LSH_VM_PROBE, or what an import came to when it was not acknowledged. */
export async function probeSink(wire: Wire, random: Random, { oldestMs, newestMs, signal }: ProbeRequest): Promise<ProbeResult> {
  const { clock, settings, sink } = wire;
  const warnings: string[] = [];
  const told = await flagsOf(wire, warnings, signal);
  const run = random.id(16);
  const nowMs = clock.now();
  const times: Record<Part, number> = { oldest: oldestMs, newest: newestMs, control: nowMs, zstd: nowMs };
  const queueMs = settings.queueMs ?? told.queueMs ?? DEFAULT_QUEUE_MS;
  const line = (part: Part): string =>
    `{"metric":{"__name__":"${PROBE_METRIC}","run":"${run}","part":"${part}"},"values":[1],"timestamps":[${times[part]}]}\n`;

  try {
    const parts: Part[] = ['oldest', 'newest', 'control'];
    if (settings.encoding !== 'plain') {
      parts.push('zstd');
      const zstd = await importLines(wire, zstdCompressSync(line('zstd')), 'zstd', queueMs, signal);
      // A refusal of the encoding is an answer to the question; the plain body shows whether it was that.
      if (zstd.result === 'not-sent') throw zstd.error;
    }
    const proof = settings.readBack === 'json' ? [] : proofParts(PROBE_METRIC, run, { oldest: oldestMs, newest: newestMs, now: nowMs });
    const body = Buffer.concat([Buffer.from(line('oldest') + line('newest') + line('control')), ...proof.map(({ lines }) => lines)]);
    const plain = await importLines(wire, body, 'plain', queueMs, signal);
    if (plain.result !== 'acknowledged') throw plain.error;
    const seen = await waitForParts(wire, run, times, parts, signal);
    for (const point of ['oldest', 'newest'] as const) {
      if (!seen.has(point)) throw SinkDropsData({ sink, point, atMs: times[point], kept: told.retention });
    }
    if (settings.encoding === 'zstd' && !seen.has('zstd')) throw SinkCannotZstd({ sink });
    const readBack = await howToReadBack(wire, proof, told.dedupMs, signal);
    const kept = await deleteSeries(wire, PROBE_METRIC, { run }, signal);
    if (kept !== undefined)
      warnings.push(`the series of the probe ({__name__="${PROBE_METRIC}",run="${run}"}) could not be deleted: ${kept.message}`);
    return {
      encoding: seen.has('zstd') ? 'zstd' : 'plain',
      ...readBack,
      ...told,
      queueMs,
      deleted: kept === undefined,
      warnings,
    };
  } catch (error) {
    if (!signal?.aborted) {
      const kept = await deleteSeries(wire, PROBE_METRIC, { run });
      if (kept !== undefined) wire.log.warn({ sink, run, reason: kept.message }, 'the series of a failed probe could not be deleted');
    }
    throw error;
  }
}

async function howToReadBack(
  wire: Wire,
  proof: readonly ProofPart[],
  dedupMs: number | undefined,
  signal?: AbortSignal,
): Promise<Pick<ProbeResult, 'readBack' | 'readBackReason'>> {
  const { clock, sink, log } = wire;
  if (proof.length === 0) return { readBack: 'json', readBackReason: 'the settings of the target say so' };
  if (dedupMs !== undefined && dedupMs > 0)
    return { readBack: 'json', readBackReason: 'its answers hide points of its blocks (-dedup.minScrapeInterval)' };
  const begun = clock.now();
  for (;;) {
    const found = await proveNative(wire, proof, signal);
    if (found.proven) return { readBack: found.layout === 'full' ? 'native' : 'native-bare' };
    if (!found.again || clock.now() - begun > PROOF_MS) {
      const { reason } = found;
      log.warn({ sink, reason }, 'native blocks of the sink are not proven; what is written will be read back as JSON lines');
      return { readBack: 'json', readBackReason: reason };
    }
    await clock.sleep(POLL_MS, signal);
    await forceFlush(wire, signal);
  }
}

/** Which parts can be read. Waits for the control; what is not there then is looked for once more, or for `UNFLUSHED_MS` when nothing can be flushed. */
async function waitForParts(wire: Wire, run: string, times: Record<Part, number>, parts: Part[], signal?: AbortSignal): Promise<Set<Part>> {
  const { clock, settings, sink } = wire;
  const begun = clock.now();
  let controlSeenAt: number | undefined;
  for (;;) {
    const flushed = await forceFlush(wire, signal);
    const seen = new Set<Part>();
    for (const part of parts) if (await hasPoint(wire, run, part, times[part], signal)) seen.add(part);
    const now = clock.now();
    if (seen.size === parts.length) return seen;
    if (controlSeenAt !== undefined && (flushed || now - controlSeenAt >= UNFLUSHED_MS)) return seen;
    if (seen.has('control')) controlSeenAt ??= now;
    else if (now - begun > settings.readDeadlineMs) throw SinkNotReadable({ sink, waitedMs: now - begun });
    await clock.sleep(POLL_MS, signal);
  }
}

async function hasPoint(wire: Wire, run: string, part: Part, atMs: number, signal?: AbortSignal): Promise<boolean> {
  const range = { startMs: atMs, stopMs: atMs + 1 };
  for await (const block of exportRange(wire, { metric: PROBE_METRIC, matchers: { run, part }, range, signal })) {
    for (const line of viewLines(block, wire.sink)) if (line.timesEnd > line.timesStart) return true;
  }
  return false;
}

type Told = Pick<ProbeResult, 'version' | 'retention' | 'dedupMs' | 'maxLineBytes'> & { queueMs?: number };

/** What the server says of itself. That it says nothing (a proxy, `-metricsAuthKey`) is a warning: defaults are assumed then. */
async function flagsOf(wire: Wire, warnings: string[], signal?: AbortSignal): Promise<Told> {
  try {
    const { flags, version } = await readFlags(wire, signal);
    const told: Told = {};
    if (version !== undefined) told.version = version;
    if (flags.retentionPeriod !== undefined) told.retention = flags.retentionPeriod;
    const queueMs = flagDurationMs(flags['insert.maxQueueDuration']);
    if (queueMs !== undefined) told.queueMs = queueMs;
    const dedupMs = flagDurationMs(flags['dedup.minScrapeInterval']);
    if (dedupMs !== undefined) told.dedupMs = dedupMs;
    const maxLine = Number(flags['import.maxLineLen']);
    if (maxLine > 0) told.maxLineBytes = maxLine;
    if (dedupMs !== undefined && dedupMs > 0) {
      warnings.push(
        `${wire.sink} keeps one point per ${flags['dedup.minScrapeInterval']} of each series (-dedup.minScrapeInterval): closer points will be missing`,
      );
    }
    return told;
  } catch (error) {
    if (!(error instanceof LongshoreError)) throw error;
    warnings.push(`${wire.sink} does not show its flags (${error.message}); its default queue time is assumed`);
    return {};
  }
}
