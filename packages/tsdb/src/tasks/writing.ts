/** How batches are written into a sink, by migrations and restores alike. Pure. */
import type { Json, StageSpec, TaskSpec } from '@longshore/core';
import { z } from 'zod';
import type { PutParams, SinkParams } from '../params.ts';
import { PROVE_PUT } from './prove-put.ts';
import { PROVE_SINK } from './prove-sink.ts';
import type { Tallies } from './settings.ts';

const VIA = ['import', 'put', 'lines', 'text'] as const;
export type Via = (typeof VIA)[number];

export interface Writing {
  sink: string;
  via: Via;
  existing: 'refuse' | 'fill';
  verify: boolean;
  sync: boolean;
  verifyUrl?: string | undefined;
  requestBytes?: number | undefined;
}

/** As it stands in the params of stages and tasks. */
export const WRITING: z.ZodObject<{ [K in keyof Required<Writing>]: z.ZodType<Writing[K]> }> = z.object({
  sink: z.string(),
  via: z.enum(VIA).default('import'),
  existing: z.enum(['refuse', 'fill']),
  verify: z.boolean(),
  sync: z.boolean().default(false),
  verifyUrl: z.string().optional(),
  requestBytes: z.int().optional(),
});

export function writingOf(params: SinkParams & PutParams, via: Via): Writing {
  const { sink, existing, verify, sync, verifyUrl, requestBytes } = params;
  return {
    sink,
    via,
    existing,
    verify,
    sync: sync === true,
    ...(verifyUrl === undefined ? {} : { verifyUrl }),
    ...(requestBytes === undefined ? {} : { requestBytes }),
  };
}

/** As the params of a stage or a task, beside others. */
export function asParams(writing: Writing): { [key: string]: Json } {
  return JSON.parse(JSON.stringify(writing)) as { [key: string]: Json };
}

/** Whether the sink is asked again after its batches are verified: what was put, or written into a file, is read back before that. */
export const countsAgain = ({ via, verify }: Writing): boolean => via === 'import' && verify;

/** The first stage. */
export function proving({ via, sink, existing, verifyUrl }: Writing): StageSpec {
  const task: TaskSpec =
    via === 'import'
      ? { id: PROVE_SINK, task: 'tsdb.prove-sink', params: { sink, existing }, placement: 'role' }
      : via === 'put'
        ? {
            id: PROVE_PUT,
            task: 'tsdb.prove-put',
            params: { sink, existing, ...(verifyUrl === undefined ? {} : { verifyUrl }) },
            placement: 'role',
          }
        : { id: 'make-folder', task: 'tsdb.make-folder', params: { folder: sink }, placement: 'role' };
  return { name: 'prove', title: 'prove that the sink keeps what it takes', concurrency: 1, tasks: [task] };
}

export interface WrittenBatch {
  batch: string;
  /** The operation whose folder it is. */
  from: string;
  redo: number;
  tally: Tallies;
  /** Its folder has a name that people read. */
  named: boolean;
  /** And the original's own files in it. */
  kilda?: boolean;
}

/** The task that writes one batch. */
export function writingTask(
  writing: Writing,
  { batch, from, redo, tally, named, kilda = false }: WrittenBatch,
): Pick<TaskSpec, 'task' | 'params'> {
  const { sink, via, existing, verify, sync, verifyUrl, requestBytes } = writing;
  if (via === 'lines' || via === 'text') return { task: 'tsdb.write-batch', params: { sink, via, batch, from, tally } };
  if (via === 'import')
    return {
      task: kilda ? 'tsdb.kilda-interval-restore' : named ? 'tsdb.interval-restore' : 'tsdb.restore-batch',
      params: { sink, batch, from, existing, verify, redo, tally },
    };
  const params: { [key: string]: Json } = { sink, existing, batch, from, verify, tally, sync };
  if (verifyUrl !== undefined) params.verifyUrl = verifyUrl;
  if (requestBytes !== undefined) params.requestBytes = requestBytes;
  return { task: kilda ? 'tsdb.kilda-interval-put' : named ? 'tsdb.interval-put' : 'tsdb.put-batch', params };
}

/** Params of what puts verified batches away. */
export function settling(writing: Writing, from: string, settleMs: number): { [key: string]: Json } {
  return { sink: writing.sink, from, verify: countsAgain(writing), settleMs: writing.via === 'import' ? settleMs : 0 };
}
