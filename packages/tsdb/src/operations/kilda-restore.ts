/** `kilda-otsdb-restore`: a folder of the kilda tools → `/api/put`. */
import type { Finding, KindDefinition } from '@longshore/core';
import { defineKind } from '@longshore/core';
import { z } from 'zod';
import { kildaFolder } from '../client/kilda/index.ts';
import { openTsdbSink } from '../client/opentsdb/index.ts';
import { Incomplete, MaybeDoubled } from '../errors.ts';

export interface KildaRestoreParams {
  folder: string;
  sink: string;
  requestBytes: number;
}

export const KildaRestoreParams: z.ZodType<KildaRestoreParams> = z.strictObject({
  folder: z.string().min(1).describe('name of a configured target of system folder, or file:///path where addresses are allowed'),
  sink: z.string().min(1).describe('name of a configured target, or its URL where addresses are allowed'),
  requestBytes: z
    .int()
    .min(1)
    .max(1 << 30)
    .default(4096)
    .describe('a request is sent as soon as it has so many bytes'),
});

export const kildaRestore: KindDefinition<KildaRestoreParams> = defineKind({
  name: 'tsdb.kilda-restore',
  title: 'Restore a folder of the kilda tools over /api/put',
  role: 'restorer',
  params: KildaRestoreParams,
  tolerant: false,
  columns: ['restored', 'unsendable', 'maybeDoubled'],

  async plan(context) {
    const { folder: folderName, sink: sinkName, requestBytes } = context.params;
    await using folder = context.target(folderName, kildaFolder);
    await using sink = context.target(sinkName, openTsdbSink);
    const files = await folder.files();
    const findings: Finding[] = files.length === 0 ? [{ level: 'info', text: `${folder.path} holds no dump` }] : [];
    return {
      summary: [`${files.length} files of ${folder.path} to ${sinkName}, in requests of ${requestBytes} bytes`],
      findings,
      fingerprint: { files },
      leases: [{ target: `folder:${folder.path}`, scope: '' }],
      expect: { files: files.length },
      data: { identity: sink.identity },
      stages: [
        {
          name: 'restore',
          title: 'send, file by file',
          concurrency: 1,
          tasks: [
            {
              id: 'restore',
              task: 'tsdb.kilda-restore-folder',
              params: { folder: folderName, sink: sinkName, requestBytes },
              placement: 'role',
            },
          ],
        },
      ],
    };
  },

  conclude({ header, totals }) {
    const { unsendable = 0, maybeDoubled = 0 } = totals;
    const { sink } = KildaRestoreParams.parse(header.params);
    if (unsendable === 0)
      return maybeDoubled === 0 ? { ok: true } : { ok: false, error: MaybeDoubled({ sink, points: maybeDoubled }).data };
    return { ok: false, error: Incomplete({ missing: 0, extra: 0, different: 0, unsendable, failed: 0, skipped: 0 }).data };
  },
});
