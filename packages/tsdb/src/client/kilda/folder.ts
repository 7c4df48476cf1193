/**
 * A folder of the kilda tools, as a target: `file:///var/dumps/march`. So the rule for addresses holds for folders too: whoever may
 * submit operations to a fleet cannot make its workers write where its configuration does not say so.
 *
 *   <metric>.ndjson               the rows (see `rows.ts`)
 *   <metric>.dmeta.json           {"start": 1678233960.0, "end": 1678234139.0}: the last frame that had data
 *   <metric>.ndjson.rmeta.json    {"offset": 303}: bytes that have been restored
 *   .restoring.json               {"sinks": ["http://vm:4242"]}: ours; restores that have begun, and what became of their last request is not known
 */
import { constants } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TargetSystem } from '@longshore/core';
import { z } from 'zod';
import { FolderTrouble } from './errors.ts';
import { floatRepr } from './python.ts';

export interface DumpMeta {
  startS: number;
  endS: number;
}

/**
 * `rows`: of the kilda tools, `.ndjson`. `lines`: JSON lines of VictoriaMetrics, `.jsonl`. `text`: of `tsdb import`, `.txt`. `part`: what was being
 * written when its writer stopped.
 */
export type FileForm = 'rows' | 'lines' | 'text' | 'part';

export interface ReadableFile {
  /** As it is called. */
  name: string;
  form: FileForm;
}

const FORMS: Readonly<Record<string, FileForm>> = { '.ndjson': 'rows', '.jsonl': 'lines', '.txt': 'text', '.part': 'part' };

export interface KildaFolder extends AsyncDisposable {
  readonly path: string;
  /** Makes it, with its parents. */
  make(): Promise<void>;
  /** Names of metrics that have a file here, sorted. */
  files(): Promise<string[]>;
  /** Names of all files that hold series in a form known here, sorted, with what their names say of the form. */
  readable(): Promise<ReadableFile[]>;
  /** Path of the rows in a file of that name (see `fileName`). */
  rowsPath(file: string): string;
  dumpMeta(file: string): Promise<DumpMeta | undefined>;
  setDumpMeta(file: string, meta: DumpMeta): Promise<void>;
  removeDumpMeta(file: string): Promise<void>;
  restored(file: string): Promise<number>;
  setRestored(file: string, offset: number): Promise<void>;
  /** Sinks to which a restore may have sent more than is noted as restored. */
  inDoubt(): Promise<string[]>;
  /** Notes which those are; with none, that nothing is in doubt. */
  setInDoubt(sinks: readonly string[]): Promise<void>;
}

const dumpMetaText = z.object({ start: z.number(), end: z.number() });
const doubtText = z.object({ sinks: z.array(z.string()) });
const DOUBT = '.restoring.json';
const restoreMetaText = z.object({ offset: z.int().min(0) });
const ROWS = '.ndjson';
const MAX_META_BYTES = 4096;

/** Characters that would lead out of the folder, or cannot stand in a name, as `%2F`; everything else as the original has it. */
export function fileName(metric: string): string {
  const name = metric.replace(/[/\\%\p{Cc}]/gu, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
  return name.startsWith('.') ? `%2E${name.slice(1)}` : name;
}

export const kildaFolder: TargetSystem<KildaFolder> = {
  system: 'folder',
  connect(target) {
    if (!target.address.startsWith('file:///'))
      throw FolderTrouble({ path: target.address, what: 'it is no address of a folder, such as file:///var/dumps', host: hostname() });
    return new Folder(fileURLToPath(target.address));
  },
};

class Folder implements KildaFolder {
  readonly path: string;
  /** Names of files that end in another spelling, such as `.NDJSON`. */
  readonly #spelled = new Map<string, string>();

  constructor(path: string) {
    this.path = path;
  }

  async make(): Promise<void> {
    await this.#trouble('cannot be made', () => mkdir(this.path, { recursive: true }));
  }

  async files(): Promise<string[]> {
    const all = await this.#trouble('cannot be read', () => readdir(this.path));
    const names = all.filter((name) => name.toLowerCase().endsWith(ROWS));
    return names
      .map((name) => {
        const stem = name.slice(0, -ROWS.length);
        if (name.endsWith(ROWS)) return stem;
        const file = names.includes(`${stem}${ROWS}`) ? name : stem;
        this.#spelled.set(file, name);
        return file;
      })
      .sort();
  }

  async readable(): Promise<ReadableFile[]> {
    const names = await this.#trouble('cannot be read', () => readdir(this.path));
    return names.sort().flatMap((name) => {
      const form = FORMS[/\.[^.]+$/.exec(name.toLowerCase())?.[0] ?? ''];
      return form === undefined ? [] : [{ name, form }];
    });
  }

  rowsPath(file: string): string {
    return join(this.path, this.#rowsName(file));
  }

  #rowsName(file: string): string {
    return this.#spelled.get(file) ?? `${file}${ROWS}`;
  }

  async dumpMeta(file: string): Promise<DumpMeta | undefined> {
    const found = dumpMetaText.safeParse(await this.#json(`${file}.dmeta.json`));
    return found.success ? { startS: found.data.start, endS: found.data.end } : undefined;
  }

  async setDumpMeta(file: string, { startS, endS }: DumpMeta): Promise<void> {
    await this.#replace(`${file}.dmeta.json`, `{"start": ${floatRepr(startS)}, "end": ${floatRepr(endS)}}`);
  }

  async removeDumpMeta(file: string): Promise<void> {
    await this.#trouble('cannot be changed', () => rm(join(this.path, `${file}.dmeta.json`), { force: true }));
  }

  async restored(file: string): Promise<number> {
    const meta = await this.#own(`${this.#rowsName(file)}.rmeta.json`, restoreMetaText, 'how far the restore has come');
    return meta?.offset ?? 0;
  }

  async setRestored(file: string, offset: number): Promise<void> {
    await this.#replace(`${this.#rowsName(file)}.rmeta.json`, `{"offset": ${offset}}`);
  }

  async inDoubt(): Promise<string[]> {
    return (await this.#own(DOUBT, doubtText, 'which sinks are in doubt'))?.sinks ?? [];
  }

  async setInDoubt(sinks: readonly string[]): Promise<void> {
    if (sinks.length > 0) await this.#replace(DOUBT, JSON.stringify({ sinks }));
    else await this.#trouble('cannot be changed', () => rm(join(this.path, DOUBT), { force: true }));
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  /** What a restore has noted; undefined when there is no such file. Throws LSH_TSDB_FOLDER when it does not say `what`: a restore would begin anew. */
  async #own<T>(name: string, schema: z.ZodType<T>, what: string): Promise<T | undefined> {
    const found = await this.#json(name);
    if (found === undefined) return undefined;
    const read = schema.safeParse(found);
    if (read.success) return read.data;
    throw FolderTrouble({ path: this.path, what: `${name} does not say ${what}`, host: hostname() });
  }

  /** Undefined when there is none, null when it is no JSON. */
  async #json(name: string): Promise<unknown> {
    const path = join(this.path, name);
    const text = await this.#trouble('cannot be read', async () => {
      try {
        return (await stat(path)).size > MAX_META_BYTES ? '' : await readFile(path, 'utf8');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      }
    });
    if (text === undefined) return undefined;
    try {
      return JSON.parse(text);
    } catch {
      return null;
    }
  }

  /** The new text is on the disk before it gets its name, and the name after that. */
  async #replace(name: string, text: string): Promise<void> {
    const path = join(this.path, name);
    await this.#trouble('cannot be written', async () => {
      const draft = await open(`${path}.upd`, 'w');
      try {
        await draft.writeFile(text);
        await draft.datasync();
      } finally {
        await draft.close();
      }
      await rename(`${path}.upd`, path);
      const folder = await open(this.path, constants.O_RDONLY | constants.O_DIRECTORY);
      try {
        await folder.sync();
      } finally {
        await folder.close();
      }
    });
  }

  async #trouble<T>(what: string, run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      throw FolderTrouble({ path: this.path, what: `it ${what} (${(error as Error).message})`, host: hostname() }, { cause: error });
    }
  }
}
