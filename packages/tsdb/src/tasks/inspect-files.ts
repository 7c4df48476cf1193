/**
 * Looks at a folder of files: rows of the kilda tools, JSON lines of VictoriaMetrics, text of `tsdb import`, each by the end of its name.
 *
 * Changes: nothing. Twice is harmless.
 */
import { join } from 'node:path';
import type { TaskDefinition } from '@longshore/core';
import { defineTask, LongshoreError } from '@longshore/core';
import { z } from 'zod';
import type { FileForm } from '../client/kilda/index.ts';
import { fileLines, kildaFolder, lineText, rowIn } from '../client/kilda/index.ts';
import { labelPairs, seriesKey } from '../client/labels.ts';
import { parseImportText } from '../client/opentsdb/index.ts';
import { MAX_LINE_BYTES, viewLine } from '../client/victoriametrics/lines.ts';
import { type Found, foundOf, MAX_NOTES, tellAll } from './inspect-found.ts';
import { PATIENT } from './settings.ts';

export interface InspectFolderParams {
  folder: string;
}

/** What a line holds. */
interface Held {
  metric: string;
  series: string;
  points: number;
  firstMs: number;
  lastMs: number;
}

/** Undefined for a line that means nothing, such as a blank one of a dump. */
type Reader = (line: Buffer, path: string) => Held | { wrong: string } | undefined;

const NEWLINE = 10;
/** In ms, up to the year 5138. */
const TIME = /^-?\d{1,14}$/;
/** As exports have them: `null` where there is no number, infinities in quotes. */
const VALUE = /^(?:-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|null|"(?:NaN|-?Infinity)")$/;

const READERS: Readonly<Record<Exclude<FileForm, 'part'>, Reader>> = {
  rows(line) {
    const row = lineText(line) === '' ? undefined : rowIn(line);
    return row === undefined || 'wrong' in row ? row : pointOf(row);
  },
  text(line) {
    const row = parseImportText(lineText(line));
    return 'wrong' in row ? row : pointOf(row);
  },
  lines: heldIn,
};

function pointOf({ metric, tags, timestampMs }: { metric: string; tags: [string, string][]; timestampMs: number }): Held {
  return { metric, series: seriesKey(tags), points: 1, firstMs: timestampMs, lastMs: timestampMs };
}

function heldIn(line: Buffer, path: string): Held | { wrong: string } {
  try {
    const view = viewLine(line, 0, path);
    const pairs = labelPairs(line.toString('utf8', view.labelsStart, view.labelsEnd));
    const metric = pairs.find(([key]) => key === '__name__')?.[1] ?? '';
    if (metric === '') return { wrong: 'the metric has no name' };
    const times = line.toString('latin1', view.timesStart, view.timesEnd).split(',');
    const values = line.toString('latin1', view.valuesStart, view.valuesEnd).split(',');
    if (times.length !== values.length) return { wrong: `it has ${values.length} values for ${times.length} times` };
    const badTime = times.find((time) => !TIME.test(time));
    if (badTime !== undefined) return { wrong: `"${badTime.slice(0, 40)}" is no time` };
    const badValue = values.find((value) => !VALUE.test(value));
    if (badValue !== undefined) return { wrong: `"${badValue.slice(0, 40)}" is no number` };
    let [firstMs, lastMs] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (const time of times) {
      firstMs = Math.min(firstMs, Number(time));
      lastMs = Math.max(lastMs, Number(time));
    }
    const tags = pairs.filter(([key]) => key !== '__name__');
    return { metric, series: seriesKey(tags), points: values.length, firstMs, lastMs };
  } catch (error) {
    if (!(error instanceof LongshoreError)) throw error;
    return { wrong: 'it is no JSON line of a series' };
  }
}

export const inspectFolder: TaskDefinition<InspectFolderParams> = defineTask({
  name: 'tsdb.inspect-folder',
  role: 'dumper',
  params: z.strictObject({ folder: z.string() }),
  retry: PATIENT,
  undo: { none: 'it only reads' },

  async run(context) {
    await using folder = context.target(context.params.folder, kildaFolder);
    const metrics = new Map<string, Found>();
    const files = await folder.readable();
    let notes = 0;
    for (const [at, { name, form }] of files.entries()) {
      const path = join(folder.path, name);
      // A dump of the kilda tools has a file for each metric; the others are known by the names of their files.
      const own = form === 'rows' ? name.replace(/\.ndjson$/i, '') : name;
      const damaged = (byte: number, why: string): void => {
        foundOf(metrics, own).damaged += 1;
        notes += 1;
        if (notes <= MAX_NOTES) context.note({ level: 'error', row: own, text: `${path}, byte ${byte}: ${why}` });
      };
      if (form === 'part') {
        damaged(0, 'it was not written to its end, or still is being written');
        continue;
      }
      if (form === 'rows') {
        foundOf(metrics, own);
        const restored = await folder.restored(own);
        if (restored > 0) context.note({ level: 'info', row: own, text: `${restored} bytes of it have been restored` });
      }
      const inFile = new Set<string>();
      let byte = 0;
      try {
        for await (const line of fileLines(path, 0, MAX_LINE_BYTES)) {
          context.signal.throwIfAborted();
          const whole = line.at(-1) === NEWLINE;
          const held = whole ? READERS[form](line, path) : { wrong: 'the line is cut off in the middle, or still being written' };
          if (held !== undefined && 'wrong' in held) damaged(byte, held.wrong);
          else if (held !== undefined) {
            const found = foundOf(metrics, held.metric);
            found.points += held.points;
            found.bytes += line.length;
            found.within(held.firstMs, held.lastMs);
            found.series.add(held.series);
            inFile.add(held.metric);
          }
          byte += line.length;
        }
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        damaged(byte, error.message);
      }
      for (const metric of inFile) foundOf(metrics, metric).chunks += 1;
      context.progress(at + 1, files.length, 'files');
    }
    if (notes > MAX_NOTES) context.note({ level: 'error', text: `${notes - MAX_NOTES} more damaged places are not named` });
    tellAll(context, metrics);
    return undefined;
  },
});
