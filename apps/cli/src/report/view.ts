/** What a kind may add to how its plan and its report are printed, in its own words. All of it is pure. */
import type { DoneRecord, Report, StoredPlan } from '@longshore/core';
import type { Style } from '../terminal.ts';
import { table } from '../text.ts';

export interface Table {
  title: string;
  heads: string[];
  rows: string[][];
  /** Columns of numbers, from 0: set to the right. */
  numbers?: number[];
}

/** A table of text; with `--json` an object a row. */
export interface Answer {
  columns: string[];
  rows: string[][];
  /** Said below it. */
  remark?: string;
}

export interface KindView {
  /** A kind, `vitess.reshard`, or the beginning of several, `vitess.`; of two that fit the longer one counts. */
  kinds: string;
  /** Shown between the summary and the steps: replicas by tablet, shards before and after. The plan's `data` is the kind's own. */
  planTables?(plan: StoredPlan): Table[];
  /** Shown above the rows of the report. */
  reportTables?(report: Report, plan: StoredPlan): Table[];
  /** The answer of a kind that only reads, in place of its report: from the outputs of its tasks. */
  answer?(kind: string, done: readonly DoneRecord[]): Answer | undefined;
  /** What a row of the report is: "metric". */
  rowName?: string;
  /** Says after the id what success means: "every point has been read back". */
  success?(kind: string, id: string): string | undefined;
  /** How to go on after a cancel. */
  afterCancel?: string;
}

export function tableLines({ title, heads, rows, numbers = [] }: Table, style: (style: Style, text: string) => string): string[] {
  if (rows.length === 0) return [];
  const [head = '', ...body] = table(heads, rows, new Set(numbers));
  return [style('bold', title), `  ${style('dim', head)}`, ...body.map((line) => `  ${line}`)];
}
