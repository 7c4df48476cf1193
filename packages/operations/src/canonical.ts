/** JSON with sorted keys, so that equal values have equal text, and a hash over it. */
import { createHash } from 'node:crypto';
import type { Json, StageSpec, StoredPlan } from '@longshore/core';

export function canonicalJson(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (value !== null && typeof value === 'object') {
    const entries = Object.keys(value)
      .sort()
      .filter((key) => value[key] !== undefined)
      .map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key] as Json)}`);
    return `{${entries.join(',')}}`;
  }
  return JSON.stringify(value);
}

export function planHash(plan: object): string {
  return createHash('sha256')
    .update(canonicalJson(JSON.parse(JSON.stringify(plan))))
    .digest('hex')
    .slice(0, 16);
}

/** The plan with other stages, under a hash of its own: who remembers the one before must see that it is another. */
export function withStages({ hash: _before, madeAt, ...plan }: StoredPlan, stages: StageSpec[]): StoredPlan {
  const next = { ...plan, stages };
  return { ...next, hash: planHash(next), madeAt };
}
