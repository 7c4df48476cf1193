/** Bounds and parameters of the tasks, one place. */
import type { RetryPolicy } from '@longshore/core';
import { z } from 'zod';
import { PROOFS } from '../model.ts';
import type { Move } from '../plan/migrate.ts';

/** Steps outside a guard: a meta may be away for a while. */
export const PATIENT: RetryPolicy = { attempts: 30, firstPauseMs: 1_000, maxPauseMs: 60_000 };
/** Steps inside a guard: what does not work soon is given up, so that clients can write again. */
export const BRISK: RetryPolicy = { attempts: 5, firstPauseMs: 500, maxPauseMs: 5_000 };
/** A closing is tried until it works; the engine goes on after these. */
export const CLOSING: RetryPolicy = { attempts: 6, firstPauseMs: 500, maxPauseMs: 5_000 };

/** Kept of a denial for what comes after the draining: pointing the clients elsewhere, or lifting. A tenth of it, 30 s at most. */
export function reserveMs(maxDenialMs: number): number {
  return Math.min(30_000, maxDenialMs / 10);
}

const shape = {
  table: z.string(),
  source: z.string(),
  meta: z.string(),
  from: z.string(),
  cluster: z.string(),
  node: z.string().optional(),
  root: z.string().optional(),
  proof: z.enum(PROOFS),
  threshold: z.int(),
  rounds: z.int(),
  pollMs: z.int(),
  configSyncMs: z.int(),
  dupSyncMs: z.int(),
  maxDenialMs: z.int(),
  denials: z.int(),
  prepareMs: z.int(),
  stuckMs: z.int(),
  afterDrain: z.enum(['keep-denied', 'lift']).optional(),
} satisfies { [K in keyof Move]-?: z.ZodType };

export const MoveParams: z.ZodType<Move> = z.strictObject(shape);
/** `round`: how many times writes have been denied, this time included. */
export type RoundParams = Move & { round: number };
export const RoundParams: z.ZodType<RoundParams> = z.strictObject({ ...shape, round: z.int().min(1) });
