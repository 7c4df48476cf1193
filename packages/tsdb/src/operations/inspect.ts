/** What an OpenTSDB or a VictoriaMetrics has in a window, what a dump has in the spools, or what lies in a folder. Changes nothing. */

import type { KindDefinition } from '@longshore/core';
import { defineKind } from '@longshore/core';
import { z } from 'zod';
import { kildaFolder } from '../client/kilda/index.ts';
import { Damaged } from '../errors.ts';
import { InspectParams } from '../params.ts';
import { batchPlanOf, planData } from '../plan/batches.ts';
import { SOURCE_LIMIT } from '../tasks/settings.ts';
import { survey, surveyDump } from './common.ts';
import { holds, surveyHeld } from './held.ts';

export const inspect: KindDefinition<InspectParams> = defineKind({
  name: 'tsdb.inspect',
  title: 'Look at time series: metrics, series, points, times, size, damage',
  role: 'dumper',
  params: InspectParams,
  tolerant: true,
  actionMs: 0,
  columns: ['points', 'series', 'chunks', 'bytes', 'damaged'],

  async plan(context) {
    const { source, from, folder: folderName, startMs, stopMs } = context.params;
    if (from !== undefined) {
      const { spools, data, findings } = await surveyDump(context, from);
      const tasks = spools.map((spool) => ({
        id: `inspect@${spool}`,
        task: 'tsdb.inspect-dump',
        params: { from, spool },
        placement: 'spool' as const,
      }));
      return {
        summary: [`the dump ${from} in ${spools.join(', ') || 'no spool'}, every byte of it; nothing is changed`],
        findings,
        expect: {},
        data,
        stages: [{ name: 'inspect', title: 'read the folders', concurrency: 1, tasks }],
      };
    }
    if (folderName !== undefined) {
      await using folder = context.target(folderName, kildaFolder);
      const files = await folder.readable();
      const task = { id: 'inspect', task: 'tsdb.inspect-folder', params: { folder: folderName }, placement: 'role' as const };
      return {
        summary: [`${files.length} files of ${folder.path}, every line of them; nothing is changed`],
        findings:
          files.length === 0
            ? [{ level: 'info' as const, text: `${folder.path} holds no file whose name ends in .ndjson, .jsonl or .txt` }]
            : [],
        expect: { files: files.length },
        data: null,
        stages: [{ name: 'inspect', title: 'read the files', concurrency: 1, tasks: [task] }],
      };
    }
    if (source === undefined || startMs === undefined || stopMs === undefined)
      throw new TypeError('a checked inspection of a source has a window');
    const window = { ...context.params, annotations: 'off' as const, source, startMs, stopMs, intervalMs: Math.max(1, stopMs - startMs) };
    const held = await holds({ ...context, params: window });
    const { batches, summary, findings, fingerprint } = await (held ? surveyHeld : survey)({ ...context, params: window });
    const count = batches.metrics.length;
    return {
      summary: [...summary.slice(0, 2), 'every point of it is read once; nothing is changed'],
      findings,
      fingerprint,
      expect: { metrics: count },
      data: planData(batches),
      stages: [{ name: 'inspect', title: 'read metric by metric', concurrency: SOURCE_LIMIT, bulk: { count, params: { source, held } } }],
    };
  },

  expand(plan, stage, unit) {
    const { source, held } = z.object({ source: z.string(), held: z.boolean().default(false) }).parse(stage.bulk!.params);
    const metric = batchPlanOf(plan.data).metrics[unit]!;
    return [
      { id: `metric-${unit}`, task: held ? 'tsdb.inspect-held' : 'tsdb.inspect-metric', params: { source, metric }, placement: 'role' },
    ];
  },

  conclude({ header, totals }) {
    const unread = header.stages.reduce((sum, { failed, skipped }) => sum + failed + skipped, 0);
    const places = (totals.damaged ?? 0) + unread;
    return places === 0 ? { ok: true } : { ok: false, error: Damaged({ places }).data };
  },
});
