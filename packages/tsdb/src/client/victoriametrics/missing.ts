/** Import lines of chosen points of a chunk, in the source's own digits. */
import { MAX_POINTS_PER_LINE } from '../../model.ts';
import type { Missing } from './merge.ts';

/** Points of one series, ascending; labels are those of the line each point stands in. */
export function importLinesOf(points: Missing[]): Buffer[] {
  const lines: Buffer[] = [];
  for (let from = 0; from < points.length; from += MAX_POINTS_PER_LINE) lines.push(lineOf(points.slice(from, from + MAX_POINTS_PER_LINE)));
  return lines;
}

function lineOf(points: Missing[]): Buffer {
  const { line } = points[0]!;
  const labels = line.buffer.subarray(line.labelsStart, line.labelsEnd);
  const values = points.map((point) => point.line.buffer.toString('latin1', point.valueStart, point.valueEnd)).join(',');
  const times = points.map((point) => point.line.buffer.toString('latin1', point.timeStart, point.timeEnd)).join(',');
  return Buffer.concat([Buffer.from('{"metric":'), labels, Buffer.from(`,"values":[${values}],"timestamps":[${times}]}\n`)]);
}
