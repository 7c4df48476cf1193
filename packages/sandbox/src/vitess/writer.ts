/**
 * Clients that never rest: they write new rows and change old ones through vtgate, remember what they were told was written, and read it from
 * every type of tablet. A primary must answer with what was written last; the others may be behind, but never lack a row that was always there.
 */
import type { Cluster } from './cluster.ts';
import { QueryFailed, SERVED } from './topology.ts';

export interface Writer {
  /** Writes that were acknowledged. */
  readonly acknowledged: number;
  /** Writes that were refused, and tried again. */
  readonly refused: number;
  /** Reads that were answered. */
  readonly answered: number;
  /** Resolves when so many have been acknowledged. */
  reached(acknowledged: number): Promise<void>;
  /** Writes nothing until it is resumed; resolves when the streams have brought along what was written. */
  pause(): Promise<void>;
  resume(): void;
  /** Stops, and resolves when the last write has ended. */
  stop(): Promise<void>;
  /** What is wrong when every type of tablet is asked for every row it must have, and what was wrong with an answer before; nothing, as a rule. */
  problems(): string[];
}

const PAUSE_MS = 2;
/** New rows get ids from here. */
const FIRST_ID = 1_000_000;

export function keepWriting(cluster: Cluster, keyspace: string, table: string): Writer {
  const { topology, clock } = cluster;
  const told = new Map<string, string>();
  // Whatever was there before must stay there.
  const holder = topology.keyspace(topology.keyspace(keyspace).servedFrom.get('PRIMARY') ?? keyspace);
  for (const shard of holder.serving('PRIMARY')) for (const [id, value] of shard.tables.get(table) ?? []) told.set(id, value);
  const first = [...told.keys()];
  /** Every value that a row ever had. */
  const values = new Map([...told].map(([id, value]) => [id, new Set([value])]));
  const misread: string[] = [];
  let answered = 0;
  let waiting: { at: number; resolve: () => void }[] = [];
  let acknowledged = 0;
  let refused = 0;
  let round = 0;
  const over = new AbortController();
  let resumed: Promise<void> | undefined;
  let resume: () => void = () => undefined;

  const write = (id: string, value: string): void => {
    try {
      topology.write(keyspace, table, id, value);
      told.set(id, value);
      values.set(id, (values.get(id) ?? new Set()).add(value));
      acknowledged += 1;
      waiting = waiting.filter(({ at, resolve }) => (acknowledged >= at ? void resolve() : true));
    } catch (error) {
      if (!(error instanceof QueryFailed)) throw error;
      refused += 1;
    }
  };
  const read = (id: string): void => {
    for (const type of SERVED) {
      try {
        const seen = topology.read(keyspace, table, id, type);
        answered += 1;
        const right = type === 'PRIMARY' ? seen === told.get(id) : seen === undefined ? !first.includes(id) : values.get(id)?.has(seen);
        if (!right) misread.push(`${type} answered ${seen ?? 'nothing'} for ${table} ${id} in round ${round}`);
      } catch (error) {
        if (!(error instanceof QueryFailed)) throw error;
      }
    }
  };
  const running = (async (): Promise<void> => {
    while (!over.signal.aborted) {
      await resumed;
      round += 1;
      write(String(FIRST_ID + round), `new ${round}`);
      write(String(1 + (round % 20)), `changed ${round}`);
      read(first[round % first.length] ?? String(FIRST_ID + round));
      read(String(FIRST_ID + Math.ceil(round / 2)));
      await clock.sleep(PAUSE_MS, over.signal).catch(() => undefined);
    }
  })();

  return {
    get acknowledged() {
      return acknowledged;
    },
    get answered() {
      return answered;
    },
    get refused() {
      return refused;
    },
    reached(at) {
      if (acknowledged >= at) return Promise.resolve();
      return new Promise((resolve) => waiting.push({ at, resolve }));
    },
    async pause() {
      const gate = Promise.withResolvers<void>();
      resumed = gate.promise;
      resume = gate.resolve;
      const follows = (): boolean =>
        cluster.workflows.all.some(
          ({ frozen, streams }) => !frozen && streams.some((stream) => stream.state === 'Running' && stream.lagMs(clock.now() + 1) > 0),
        );
      do await cluster.nextTick();
      while (follows());
    },
    resume() {
      resumed = undefined;
      resume();
    },
    async stop() {
      over.abort();
      resume();
      await running;
    },
    problems() {
      const found: string[] = [...misread];
      for (const type of SERVED)
        for (const [id, value] of told) {
          try {
            const seen = topology.read(keyspace, table, id, type);
            if (seen !== value) found.push(`${type} has ${seen ?? 'no row'} for ${table} ${id}, and ${value} was written`);
          } catch (error) {
            if (!(error instanceof QueryFailed)) throw error;
            found.push(`${type}: ${error.message}`);
          }
        }
      return [...new Set(found)];
    },
  };
}
