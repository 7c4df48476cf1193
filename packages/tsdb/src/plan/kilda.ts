/** What the plans of the kilda commands keep. Pure. */
import type { Json } from '@longshore/core';
import { z } from 'zod';

export interface KildaPlan {
  metrics: string[];
  /** A multiple of the frame: rounded down, as the original does. */
  startMs: number;
  stopMs: number;
  frameS: number;
}

const schema = z.object({ metrics: z.array(z.string()), startMs: z.int(), stopMs: z.int(), frameS: z.int().positive() });
const parsed: WeakMap<object, KildaPlan> = new WeakMap();

export function kildaPlanOf(data: Json): KildaPlan {
  const known = typeof data === 'object' && data !== null ? parsed.get(data) : undefined;
  if (known) return known;
  const plan = schema.parse(data);
  parsed.set(data as object, plan);
  return plan;
}

/** The start of the frame a time is in. */
export function alignedStart(startMs: number, frameS: number): number {
  return Math.floor(startMs / 1000 / frameS) * frameS * 1000;
}
