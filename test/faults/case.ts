/** What a case is given and what it gives. */
import type { Random } from '@longshore/core';
import type { Dataset } from '../dataset/index.ts';
import type { StandInProcess } from './orders.ts';

export interface CaseContext {
  /** Empty; taken away afterwards. */
  dir: string;
  random: Random;
  /** Strikes a case of strikes makes at least. */
  rounds: number;
  dataset: Dataset;
  /** Holds the data set; shared by the cases, its faults cleared before each. */
  source: StandInProcess;
  /** How long verified batches are kept; absent: longer than the sink keeps rows in memory only. */
  settleMs?: number;
  say(line: string): void;
}

export interface CaseResult {
  problems: string[];
  figures: Record<string, number | string>;
}

export type Case = (context: CaseContext) => Promise<CaseResult>;

/** Requests for points, as the stand-in's knobs match them. */
export const QUERY = '^GET /api/query\\?';

export const secondsSince = (ms: number): number => Math.round((Date.now() - ms) / 1000);
