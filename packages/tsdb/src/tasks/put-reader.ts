/** What can be asked behind a sink that is written over `/api/put`: OpenTSDB itself, or the query port of a VictoriaMetrics. */
import type { TaskContext } from '@longshore/core';
import type { ChunkEntry } from '@longshore/spool';
import { openTsdb } from '../client/opentsdb/index.ts';
import { compareWithOpenTsdb } from '../client/opentsdb/read-back.ts';
import { victoriaMetrics } from '../client/victoriametrics/index.ts';
import type { Comparison } from '../model.ts';
import { namesOf } from '../plan/renaming.ts';
import type { PutFacts } from './prove-put.ts';

export interface PutReader extends AsyncDisposable {
  /** What was acknowledged can be read after this, or soon. */
  flush(): Promise<void>;
  /** Also the import lines of exactly the points that are not there. */
  compare(entry: ChunkEntry, lines: Buffer): Promise<{ comparison: Comparison; missingLines: Buffer[] }>;
}

/** Undefined where nothing can be asked. */
export function putReader(context: TaskContext<{ sink: string }>, facts: PutFacts, verifyUrl: string | undefined): PutReader | undefined {
  const { params, signal } = context;
  const names = namesOf(context.plan);
  if (facts.serves === 'opentsdb') {
    const sink = context.target(params.sink, openTsdb);
    return {
      flush: async () => undefined,
      compare: (entry, lines) => compareWithOpenTsdb(sink, names.metric(entry.metric), entry, lines, signal),
      [Symbol.asyncDispose]: () => sink[Symbol.asyncDispose](),
    };
  }
  if (verifyUrl === undefined) return undefined;
  const sink = context.target(verifyUrl, victoriaMetrics);
  return {
    async flush() {
      await sink.flush(signal);
    },
    async compare({ metric, startMs, stopMs }, lines) {
      const found = await sink.verifyChunk(lines, { metric: names.metric(metric), range: { startMs, stopMs }, signal, missingLines: true });
      return { comparison: found.comparison, missingLines: found.missingLines ?? [] };
    },
    [Symbol.asyncDispose]: () => sink[Symbol.asyncDispose](),
  };
}
