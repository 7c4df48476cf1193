/** What every part of the store works with: its connection, its keys, its scripts. */
import type { Connection } from '../connection.ts';
import type { ScriptName } from '../scripts.ts';
import { SCRIPTS, SHAS } from '../scripts.ts';

export interface Base {
  redis: Connection;
  /** A key of this fleet. */
  key(...parts: string[]): string;
  /** The key of an operation, or of one of its parts. */
  op(id: string, part?: string): string;
  call(name: ScriptName, keys: string[], args: (string | number)[]): Promise<unknown>;
}

export function openBase(redis: Connection, fleet: string): Base {
  const prefix = `{${fleet}}:`;
  return {
    redis,
    key: (...parts) => prefix + parts.join(':'),
    op: (id, part) => (part === undefined ? `${prefix}op:${id}` : `${prefix}op:${id}:${part}`),
    async call(name, keys, args) {
      try {
        return await redis.evalsha(SHAS[name], keys.length, ...keys, ...args);
      } catch (error) {
        if (!(error as Error).message.startsWith('NOSCRIPT')) throw error;
        return redis.eval(SCRIPTS[name], keys.length, ...keys, ...args);
      }
    },
  };
}
