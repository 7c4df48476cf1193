/** Parameters of the kinds, as the API takes them. */
import { z } from 'zod';

export const ServiceName: z.ZodType<string> = z
  .string()
  .min(1)
  // Parameters are stored and shown.
  .refine((given) => !/^[a-z]+:\/\/[^/?#]*@/i.test(given), 'an address must not hold credentials; name a target with `secrets` instead')
  .meta({ target: 'counter' })
  .describe('name of a configured counter service, or its URL where addresses are allowed');
export const CounterName: z.ZodType<string> = z.string().regex(/^[\w.-]{1,200}$/, 'a counter is named by letters, digits, _, . and -');
export const PauseMs: z.ZodDefault<z.ZodInt> = z.int().min(0).max(3_600_000).default(0);
const pauseMs = PauseMs.describe('how long each step is drawn out, ms; for watching it, and for killing things meanwhile');

export interface MoveParams {
  source: string;
  sink: string;
  counters: string[];
  maxDenialMs: number;
  pauseMs: number;
}
export const MoveParams: z.ZodType<MoveParams> = z.strictObject({
  source: ServiceName,
  sink: ServiceName,
  counters: z
    .array(CounterName)
    .min(1)
    .max(1_000)
    .refine((names) => new Set(names).size === names.length, 'a counter is named twice')
    .describe('the counters to move; they are cut over together'),
  maxDenialMs: z.int().min(1_000).max(3_600_000).default(60_000).describe('writes are denied for no longer than this, ms'),
  pauseMs,
});

export interface RebalanceParams {
  services: string[];
  concurrency: number;
  movesPerRound: number;
  pauseMs: number;
}
export const RebalanceParams: z.ZodType<RebalanceParams> = z.strictObject({
  services: z
    .array(ServiceName)
    .min(2)
    .max(100)
    .refine((names) => new Set(names).size === names.length, 'a service is named twice')
    .describe('the services whose sums are to be even'),
  concurrency: z.int().min(1).max(64).default(4).describe('moves at a time'),
  movesPerRound: z.int().min(1).max(1_000).default(16).describe('moves that are queued together'),
  pauseMs,
});

export interface NoopParams {
  tasks: number;
  stages: number;
  concurrency: number;
  bulk: boolean;
  pauseMs: number;
}
export const NoopParams: z.ZodType<NoopParams> = z.strictObject({
  tasks: z.int().min(0).max(1_000_000).describe('tasks of each stage'),
  stages: z.int().min(1).max(100).default(1).describe('stages, one after another'),
  concurrency: z.int().min(1).max(10_000).default(32).describe('tasks at a time'),
  bulk: z
    .boolean()
    .default(true)
    .describe('tasks made on demand and counted; else all of them stand in the plan and their records are kept'),
  pauseMs,
});
