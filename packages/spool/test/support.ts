import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import {
  type ChunkFacts,
  type ChunkSeries,
  type DumpFolder,
  nodeFiles,
  type OpenMode,
  openForDump,
  openForRestore,
  openSpool,
  type ReadyBatch,
  type Spool,
  type SpoolFile,
  type SpoolFiles,
} from '../src/index.ts';

export async function temporaryFolder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'spool-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

export async function temporarySpool(files?: SpoolFiles): Promise<Spool> {
  const path = await temporaryFolder();
  return openSpool({ name: 'a', path }, files === undefined ? {} : { files });
}

export const OPERATION = 'op-1';

/** Lines of one chunk with their facts; `noise` makes them hard to compress. */
export function sampleChunk(
  number: number,
  options: { series?: number; points?: number; noise?: number; metric?: string } = {},
): { lines: Buffer; facts: ChunkFacts } {
  const { series = 2, points = 3, noise = 0, metric = 'kilda.a' } = options;
  const start = 1_678_233_600_000 + number * 3_600_000;
  const digests: ChunkSeries[] = [];
  let text = '';
  for (let s = 0; s < series; s += 1) {
    const labels = `{"__name__":"${metric}","host":"h${s}"}`;
    const times = Array.from({ length: points }, (_, index) => start + index * 1000);
    text += `{"metric":${labels},"values":[${times.map((_, index) => index + s)}],"timestamps":[${times}]}\n`;
    digests.push({ labels, points, hash: (number * 1000 + s).toString(16).padStart(16, '0') });
  }
  const lines = Buffer.concat([Buffer.from(text), noise > 0 ? randomBytes(noise) : Buffer.alloc(0)]);
  const facts: ChunkFacts = {
    metric,
    startMs: start,
    stopMs: start + 3_600_000,
    points: series * points,
    series: digests,
    firstMs: start,
    lastMs: start + (points - 1) * 1000,
  };
  return { lines, facts };
}

export async function dumpChunk(folder: DumpFolder, number: number, options: Parameters<typeof sampleChunk>[1] = {}): Promise<Buffer> {
  const { lines, facts } = sampleChunk(number, options);
  const writer = folder.beginChunk();
  try {
    await writer.write(lines);
    await writer.commit(facts);
  } finally {
    await writer.rollback();
  }
  return lines;
}

export async function openHalf(spool: Spool, batch: string, generation: number): Promise<DumpFolder> {
  const opening = await openForDump(spool, { operation: OPERATION, batch, generation, meta: { batch } });
  if (opening.state !== 'dumping') throw new Error(`expected a half dump, found ${opening.state}`);
  onTestFinished(() => opening.folder.close());
  return opening.folder;
}

export async function openReady(spool: Spool, batch: string): Promise<ReadyBatch> {
  const opening = await openForRestore(spool, OPERATION, batch);
  if (opening.state === 'removed') throw new Error('expected a folder, found a tombstone');
  onTestFinished(() => opening.batch.close());
  return opening.batch;
}

/** A complete batch of `chunks` chunks; returns their lines. */
export async function dumpBatch(
  spool: Spool,
  batch: string,
  chunks: number,
  options: Parameters<typeof sampleChunk>[1] = {},
): Promise<Buffer[]> {
  const folder = await openHalf(spool, batch, 1);
  try {
    const lines: Buffer[] = [];
    for (let number = 0; number < chunks; number += 1) lines.push(await dumpChunk(folder, number, options));
    await folder.finish();
    return lines;
  } finally {
    await folder.close();
  }
}

export async function verifyAll(batch: ReadyBatch): Promise<void> {
  for (const { chunk, points } of batch.entries) {
    if (points === 0) continue;
    await batch.sending(chunk, 1, 1000);
    await batch.acknowledged(chunk, 1);
    await batch.verified(new Map([[chunk, { points, matched: points, missing: 0, extra: 0, different: 0, precisionLost: 0 }]]));
  }
  await batch.markVerified();
}

export type Step = 'write' | 'sync' | 'rename' | 'syncFolder' | 'makeFolder' | 'open' | 'removeFile' | 'removeFolder';

/**
 * The real file system, in which a step can be made to fail: `before` it happens, or `after` it took effect. `writeAtMost`
 * bytes are taken by one write call, as a full disk does. Counts the steps.
 */
export class FaultyFiles implements SpoolFiles {
  fault: ((step: Step, path: string) => { code: string; when: 'before' | 'after' } | undefined) | undefined;
  writeAtMost: ((path: string) => number) | undefined;
  /** Skips flushes, where a test is about what a process sees. */
  unflushed = false;
  readonly counts = new Map<Step, number>();
  open_ = 0;

  async #run<T>(name: Step, path: string, run: () => Promise<T>, drop?: (result: T) => Promise<void>): Promise<T> {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
    const fault = this.fault?.(name, path);
    const error = fault === undefined ? undefined : Object.assign(new Error(`${fault.code}: injected`), { code: fault.code });
    if (error !== undefined && fault?.when === 'before') throw error;
    const result = await run();
    if (error === undefined) return result;
    await drop?.(result);
    throw error;
  }

  async open(path: string, mode: OpenMode): Promise<SpoolFile> {
    const file = await this.#run(
      'open',
      path,
      () => nodeFiles.open(path, mode),
      (opened) => opened.close(),
    );
    this.open_ += 1;
    return {
      ...file,
      write: (bytes, position) =>
        this.#run('write', path, () => file.write(bytes.subarray(0, this.writeAtMost?.(path) ?? bytes.length), position)),
      sync: () => this.#run('sync', path, async () => (this.unflushed ? undefined : file.sync())),
      close: async () => {
        this.open_ -= 1;
        await file.close();
      },
    };
  }
  makeFolder(path: string): Promise<boolean> {
    return this.#run('makeFolder', path, () => nodeFiles.makeFolder(path));
  }
  rename(from: string, to: string): Promise<void> {
    return this.#run('rename', from, () => nodeFiles.rename(from, to));
  }
  removeFile(path: string): Promise<void> {
    return this.#run('removeFile', path, () => nodeFiles.removeFile(path));
  }
  removeFolder(path: string): Promise<void> {
    return this.#run('removeFolder', path, () => nodeFiles.removeFolder(path));
  }
  syncFolder(path: string): Promise<void> {
    return this.#run('syncFolder', path, async () => (this.unflushed ? undefined : nodeFiles.syncFolder(path)));
  }
  names = nodeFiles.names;
  facts = nodeFiles.facts;
  realPath = nodeFiles.realPath;
  disk = nodeFiles.disk;
}
