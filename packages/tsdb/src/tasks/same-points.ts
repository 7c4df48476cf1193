/** Whether two files for other tools hold the same points, however their lines are cut and ordered. */
import { createHash } from 'node:crypto';
import { LongshoreError } from '@longshore/core';
import { fileLines, lineText } from '../client/kilda/index.ts';
import { labelPairs, seriesKey } from '../client/labels.ts';
import { MAX_LINE_BYTES, viewLine } from '../client/victoriametrics/lines.ts';

/** Compares them as multisets, by a sum of hashes of points, so that it takes no memory; at odds of 2^64 to one. */
export async function samePoints(one: string, other: string, via: 'lines' | 'text'): Promise<boolean> {
  const sum = await sumOf(one, via);
  return sum !== undefined && sum === (await sumOf(other, via));
}

/** Undefined for a file that holds something else. */
async function sumOf(path: string, via: 'lines' | 'text'): Promise<string | undefined> {
  let [points, sum] = [0, 0n];
  try {
    for await (const line of fileLines(path, 0, MAX_LINE_BYTES))
      for (const point of via === 'lines' ? pointsOfLine(line, path) : [pointOfRow(line)]) {
        points += 1;
        sum += createHash('sha256').update(point).digest().readBigUInt64LE();
      }
  } catch (error) {
    // Lines of another form, or one that is longer than any that was written.
    if (error instanceof LongshoreError || error instanceof SyntaxError || error instanceof RangeError) return undefined;
    throw error;
  }
  return `${points} ${BigInt.asUintN(64, sum)}`;
}

function* pointsOfLine(line: Buffer, path: string): Generator<string> {
  const { labelsStart, labelsEnd, valuesStart, valuesEnd, timesStart, timesEnd } = viewLine(line, 0, path);
  const key = seriesKey(labelPairs(line.toString('utf8', labelsStart, labelsEnd)));
  const values = line.toString('latin1', valuesStart, valuesEnd).split(',');
  for (const [at, time] of line.toString('latin1', timesStart, timesEnd).split(',').entries()) yield `${key} ${time} ${values[at]}`;
}

function pointOfRow(line: Buffer): string {
  const [metric, time, value, ...tags] = lineText(line).split(' ');
  return [metric, time, value, ...tags.sort()].join(' ');
}
