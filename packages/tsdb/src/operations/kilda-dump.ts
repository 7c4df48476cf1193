/** `kilda-otsdb-dump`: OpenTSDB → a folder in the original's own format, metric by metric. */
import type { ErrorEntry, Finding, KindDefinition } from '@longshore/core';
import { defineError, defineKind, EXIT } from '@longshore/core';
import { z } from 'zod';
import { kildaFolder } from '../client/kilda/index.ts';
import { openTsdb } from '../client/opentsdb/index.ts';
import { Incomplete } from '../errors.ts';
import { rangeText } from '../plan/batches.ts';
import { alignedStart } from '../plan/kilda.ts';

export interface KildaDumpParams {
  source: string;
  folder: string;
  startMs: number;
  stopMs: number;
  frameS: number;
  metricsPrefix: string;
  removeMetadata: boolean;
  concurrent: number;
}

const MAX_FRAME_S = 366 * 86_400;
const MAX_CONCURRENT = 64;

export const KildaDumpParams: z.ZodType<KildaDumpParams> = z.strictObject({
  source: z.string().min(1).describe('name of a configured target, or its URL where addresses are allowed'),
  folder: z.string().min(1).describe('name of a configured target of system folder, or file:///path where addresses are allowed'),
  startMs: z.int().min(0).describe('first ms of the window; rounded down to a whole frame'),
  stopMs: z.int().min(0).describe('end of the window, exclusive, ms'),
  frameS: z.int().min(1).max(MAX_FRAME_S).default(180).describe('width of a frame, s'),
  metricsPrefix: z.string().default('kilda.').describe('metrics whose name begins so; empty: all'),
  removeMetadata: z.boolean().default(false).describe('remove the metadata of each metric that is done'),
  concurrent: z.int().min(1).max(MAX_CONCURRENT).default(1).describe('metrics at once'),
});

export const KildaDumpFailed: ErrorEntry<{ metrics: number }> = defineError('LSH_TSDB_KILDA_DUMP', {
  message: ({ metrics }) => `${metrics} metrics could not be dumped to their end`,
  fix: 'Their reasons stand above. The same command again goes on where each of them was.',
  retryable: false,
  exitCode: EXIT.failed,
});

export const kildaDump: KindDefinition<KildaDumpParams> = defineKind({
  name: 'tsdb.kilda-dump',
  title: 'Dump time series from OpenTSDB into a folder of the kilda tools',
  role: 'dumper',
  params: KildaDumpParams,
  tolerant: true,
  actionMs: 0,
  columns: ['dumped', 'unsendable'],

  async plan(context) {
    const { params, signal } = context;
    const { source: sourceName, folder: folderName, frameS, removeMetadata, concurrent, metricsPrefix } = params;
    await using source = context.target(sourceName, openTsdb);
    await using folder = context.target(folderName, kildaFolder);
    const { metrics, complete, reason } = await source.metrics(metricsPrefix, { signal });
    const findings: Finding[] = [];
    if (!complete)
      findings.push({ level: 'warning', text: `the list of metrics may be incomplete: ${reason ?? 'the source did not say why'}` });
    const range = { startMs: alignedStart(params.startMs, frameS), stopMs: params.stopMs };
    return {
      summary: [
        `${metrics.length} metrics beginning with "${metricsPrefix}" from ${sourceName}`,
        `${rangeText(range)} (the end is exclusive)`,
        `into ${folder.path}`,
      ],
      findings,
      fingerprint: { metrics, ...range, frameS },
      leases: [{ target: `folder:${folder.path}`, scope: '' }],
      expect: { metrics: metrics.length },
      data: { metrics, ...range, frameS },
      stages: [
        {
          name: 'folder',
          title: 'make the folder',
          concurrency: 1,
          tasks: [{ id: 'make-folder', task: 'tsdb.make-folder', params: { folder: folderName }, placement: 'role' }],
        },
        {
          name: 'dump',
          title: 'dump, metric by metric',
          concurrency: concurrent,
          bulk: { count: metrics.length, params: { source: sourceName, folder: folderName, removeMetadata } },
        },
      ],
    };
  },

  expand(_plan, stage, unit) {
    const params = z.object({ source: z.string(), folder: z.string(), removeMetadata: z.boolean() }).parse(stage.bulk!.params);
    return [{ id: `dump-${unit}`, task: 'tsdb.kilda-dump-metric', params: { ...params, unit }, placement: 'role' }];
  },

  conclude({ header, totals }) {
    const failed = header.stages.reduce((sum, stage) => sum + stage.failed, 0);
    if (failed > 0) return { ok: false, error: KildaDumpFailed({ metrics: failed }).data };
    const { unsendable = 0 } = totals;
    const skipped = header.stages.reduce((sum, stage) => sum + stage.skipped, 0);
    if (unsendable + skipped > 0)
      return { ok: false, error: Incomplete({ missing: 0, extra: 0, different: 0, unsendable, failed: 0, skipped }).data };
    return { ok: true };
  },
});
