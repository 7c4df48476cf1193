/** vtgate, as far as it is asked here: which tablets it knows and would send queries to. */
import type { Target, TargetSystem } from '@longshore/core';
import type { ConnectionDeps } from './connection.ts';
import { Connection } from './connection.ts';
import { Refused, Unreachable } from './errors.ts';
import type { QueryResult } from './messages.ts';
import { rowsOf } from './messages.ts';
import { VTGATE } from './protocol.ts';
import { isServiceError } from './status.ts';

const DEADLINE_MS = 10_000;

export interface GateTablet {
  keyspace: string;
  shard: string;
  /** `PRIMARY`, `REPLICA`, `RDONLY`. */
  type: string;
  serving: boolean;
}

export class VtgateClient implements AsyncDisposable {
  readonly name: string;
  readonly #connection: Connection;

  constructor(target: Target, deps: ConnectionDeps) {
    this.name = target.name;
    this.#connection = new Connection(target, deps);
  }

  /** Its own list, which it renews once a minute unless told otherwise (`--tablet_refresh_interval`). */
  async tablets(): Promise<GateTablet[]> {
    const what = 'show vitess_tablets';
    const request = { query: { sql: what }, session: { autocommit: true } };
    try {
      const reply = await this.#connection.unary<{ error: { message: string } | null; result: QueryResult | null }>(
        VTGATE.Execute!,
        request,
        DEADLINE_MS,
      );
      if (reply.error) throw Refused({ what, server: this.name, answer: reply.error.message });
      return rowsOf(reply.result).map((row) => ({
        keyspace: row.Keyspace ?? '',
        shard: row.Shard ?? '',
        type: row.TabletType ?? '',
        serving: row.State === 'SERVING',
      }));
    } catch (error) {
      if (!isServiceError(error)) throw error;
      throw Unreachable({ what, server: this.name, answer: error.details });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection[Symbol.asyncDispose]();
  }
}

export const vtgate: TargetSystem<VtgateClient> = { system: 'vitess', connect: (target, deps) => new VtgateClient(target, deps) };
