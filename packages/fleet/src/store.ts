/** The store on Redis. What each step may do stands in `scripts.ts`; here are only keys and conversions. */
import { createHash } from 'node:crypto';
import type {
  AttemptRecord,
  Change,
  DoneRecord,
  GateNote,
  Note,
  OperationEvent,
  OperationHeader,
  OperationQuery,
  OperationSnapshot,
  Outcome,
  Presence,
  Progress,
  SpoolRecord,
  Store,
  StoredPlan,
  Tally,
  TaskRecord,
} from '@longshore/core';
import { EVENTS_KEPT, isAtRest, NOTES_KEPT } from '@longshore/core';
import type { Redis } from 'ioredis';
import type { FleetAddress } from './connection.ts';
import { connect } from './connection.ts';
import type { ScriptName } from './scripts.ts';
import { SCRIPTS } from './scripts.ts';

/** An idempotency key is remembered for a day. */
const IDEMPOTENCY_SECONDS = 86_400;
const LIST_STEP = 200;
const SEPARATOR = '\u001f';

const parse = <T>(text: string): T => JSON.parse(text) as T;

export interface RedisStore extends Store {
  ping(): Promise<void>;
}

export function redisStore({ url, fleet }: FleetAddress): RedisStore {
  const redis = connect(url);
  const tag = `{${fleet}}`;
  const shas = new Map<ScriptName, string>();
  for (const [name, lua] of Object.entries(SCRIPTS)) shas.set(name as ScriptName, createHash('sha1').update(lua).digest('hex'));

  const key = (...parts: string[]): string => [tag, ...parts].join(':');
  const op = (id: string): string => key('op', id);

  const call = async (name: ScriptName, keys: string[], args: (string | number)[]): Promise<unknown> => {
    try {
      return await redis.evalsha(shas.get(name)!, keys.length, ...keys, ...args);
    } catch (error) {
      if (!(error as Error).message.startsWith('NOSCRIPT')) throw error;
      return redis.eval(SCRIPTS[name], keys.length, ...keys, ...args);
    }
  };

  const listeners = new Set<(operation: string) => void>();
  let subscriber: { redis: Redis; listening: Promise<unknown> } | undefined;
  /** Resolves when nothing that happens from now on is missed. */
  const listen = async (listener: (operation: string) => void): Promise<void> => {
    listeners.add(listener);
    if (!subscriber) {
      const own = connect(url);
      own.on('message', (_channel, operation: string) => {
        for (const each of [...listeners]) each(operation);
      });
      subscriber = { redis: own, listening: own.subscribe(key('events')) };
    }
    await subscriber.listening;
  };

  return {
    async ping() {
      await redis.ping();
    },

    async create(header, idempotencyKey) {
      const args = [header.id, JSON.stringify(header), header.createdAt, idempotencyKey === undefined ? '0' : '1', IDEMPOTENCY_SECONDS];
      const keys = [
        op(header.id),
        key('live'),
        key('all'),
        idempotencyKey === undefined ? op(header.id) : key('idempotency', idempotencyKey),
      ];
      const [id, created] = (await call('create', keys, args)) as [string, number];
      return { id, created: created === 1 };
    },

    async load(id) {
      const fields = await redis.hgetall(op(id));
      return fields.header === undefined ? undefined : snapshot(fields);
    },
    async header(id) {
      const [header, version] = await redis.hmget(op(id), 'header', 'version');
      return header ? { ...parse<OperationHeader>(header), version: Number(version) } : undefined;
    },
    async plan(id) {
      const plan = await redis.get(key('op', id, 'plan'));
      return plan ? parse<StoredPlan>(plan) : undefined;
    },
    async done(id, task) {
      const records = key('op', id, 'done');
      if (task === undefined) return (await redis.hvals(records)).map(parse<DoneRecord>);
      const record = await redis.hget(records, task);
      return record === null ? [] : [parse<DoneRecord>(record)];
    },

    async report(id) {
      const [cells, notes, dropped] = await Promise.all([
        redis.hgetall(key('op', id, 'rows')),
        redis.lrange(key('op', id, 'notes'), 0, -1),
        redis.hget(op(id), 'notesDropped'),
      ]);
      const rows: Tally = Object.create(null) as Tally;
      for (const [cell, value] of Object.entries(cells)) {
        const at = cell.lastIndexOf(SEPARATOR);
        const row = cell.slice(0, at);
        rows[row] = { ...rows[row], [cell.slice(at + 1)]: Number(value) };
      }
      return { rows, notes: notes.map(parse<Note>), notesDropped: Number(dropped ?? 0) };
    },

    async commit(id, change) {
      const { header } = change;
      const args: (string | number)[] = [
        header.version,
        JSON.stringify({ ...header, version: header.version + 1 }),
        header.intent ?? '',
        id,
        isAtRest(header) ? '1' : '0',
        change.plan ? JSON.stringify(change.plan) : '',
        NOTES_KEPT,
        EVENTS_KEPT,
        header.createdAt,
        ...lists(change),
      ];
      const keys = [
        op(id),
        key('op', id, 'done'),
        key('op', id, 'rows'),
        key('op', id, 'notes'),
        key('op', id, 'events'),
        key('live'),
        key('op', id, 'plan'),
      ];
      const committed = (await call('commit', keys, args)) === 1;
      if (committed && change.events?.length) await redis.publish(key('events'), id);
      return committed;
    },

    async list({ states, kind, after, limit }: OperationQuery) {
      const found: OperationHeader[] = [];
      let from = 0;
      if (after !== undefined) {
        const rank = await redis.zrevrank(key('all'), after);
        from = rank === null ? 0 : rank + 1;
      }
      for (; found.length <= limit; from += LIST_STEP) {
        const ids = await redis.zrevrange(key('all'), from, from + LIST_STEP - 1);
        if (ids.length === 0) break;
        const pipeline = redis.pipeline();
        for (const id of ids) pipeline.hmget(op(id), 'header', 'version');
        for (const [error, reply] of (await pipeline.exec()) ?? []) {
          if (error) throw error;
          const [text, version] = reply as (string | null)[];
          if (!text) continue;
          const header = { ...parse<OperationHeader>(text), version: Number(version) };
          if ((!states || states.includes(header.state)) && (!kind || header.kind === kind)) found.push(header);
        }
      }
      const page = found.slice(0, limit);
      const last = page.at(-1);
      return found.length > limit && last ? { operations: page, next: last.id } : { operations: page };
    },
    live: () => redis.zrange(key('live'), 0, '-1'),
    async remove(id) {
      await redis
        .multi()
        .del(op(id), key('op', id, 'plan'), key('op', id, 'done'), key('op', id, 'rows'), key('op', id, 'notes'), key('op', id, 'events'))
        .zrem(key('live'), id)
        .zrem(key('all'), id)
        .exec();
    },

    async claim(id, task, round, worker, now) {
      const reply = (await call('claim', [op(id)], [task, round, worker, now])) as ['yours' | 'ended' | 'unwanted', number, string, string];
      if (reply[0] !== 'yours') return { claim: reply[0] };
      return { claim: 'yours', generation: reply[1], task: parse<TaskRecord>(reply[2]), header: parse<OperationHeader>(reply[3]) };
    },
    async beat(id, task, generation, now, progress) {
      const args = [task, generation, now, progress ? JSON.stringify(progress) : ''];
      const [state, intent] = (await call('beat', [op(id)], args)) as ['go' | 'superseded', OperationHeader['intent'] | ''];
      if (state === 'superseded') return { state };
      return intent ? { state, intent } : { state };
    },
    shut: async (id, task, generation, { gate, reason, since }) =>
      (await call('shut', [op(id)], [task, generation, gate, reason, since])) === 1,
    finish: async (id, task, outcome) =>
      (await call('finish', [op(id)], [task, outcome.round, outcome.generation, JSON.stringify(outcome)])) === 1,
    saveCheckpoint: async (id, task, generation, value) => (await call('checkpoint', [op(id)], [task, generation, value])) === 1,
    loadCheckpoint: async (id, task) => (await redis.hget(op(id), `c:${task}`)) ?? undefined,

    async addEvent(id, event) {
      const added = await call('event', [op(id), key('op', id, 'events')], [EVENTS_KEPT, JSON.stringify(event)]);
      if (added === 1) await redis.publish(key('events'), id);
    },
    async events(id, after, limit, waitMs, signal) {
      const read = async (): Promise<OperationEvent[]> => {
        const entries = await redis.xrange(key('op', id, 'events'), after === undefined ? '-' : `(${after}`, '+', 'COUNT', limit);
        return entries.map(([eventId, fields]) => ({ id: eventId, ...parse<Omit<OperationEvent, 'id'>>(fields[1]!) }));
      };
      const found = await read();
      if (found.length > 0 || waitMs <= 0 || signal?.aborted) return found;
      const { promise, resolve } = Promise.withResolvers<void>();
      const end = (): void => resolve();
      const listener = (operation: string): void => {
        if (operation === id) end();
      };
      const timer = setTimeout(end, waitMs);
      signal?.addEventListener('abort', end, { once: true });
      try {
        await listen(listener);
        // What came between the first look and the listening.
        const missed = await read();
        if (missed.length > 0) return missed;
        await promise;
        return await read();
      } finally {
        clearTimeout(timer);
        signal?.removeEventListener('abort', end);
        listeners.delete(listener);
      }
    },

    async acquireLeases(id, wanted, now) {
      if (wanted.length === 0) return { tokens: [] };
      const args = [id, now, ...wanted.flatMap(({ target, scope }) => [target, scope])];
      const reply = (await call('acquire', [key('leases'), key('token')], args)) as [number, ...string[]];
      if (reply[0] === 1) return { tokens: reply.slice(1).map(Number) };
      return { heldBy: String(reply[1]), target: String(reply[2]), scope: String(reply[3]) };
    },
    async releaseLeases(id) {
      await call('release', [key('leases')], [id]);
    },

    async reserve(spool, holder, want, capacity) {
      const whole = [want.bytes, want.inodes, capacity.bytes, capacity.inodes].map((value) => Math.max(0, Math.round(value)));
      const [ok, bytes, inodes, holders] = (await call('reserve', [key('reservations', spool)], [holder, ...whole])) as number[];
      return { ok: ok === 1, others: { bytes: Number(bytes), inodes: Number(inodes), holders: Number(holders) } };
    },
    async releaseReservation(spool, holder) {
      await redis.hdel(key('reservations', spool), holder);
    },
    async reservations(spool) {
      return Object.entries(await redis.hgetall(key('reservations', spool))).map(([holder, use]) => {
        const [bytes = 0, inodes = 0] = use.split(' ').map(Number);
        return { holder, bytes, inodes };
      });
    },

    takePermit: async (name, holder, limit, now, ttlMs) =>
      (await call('permit', [key('permits', name)], [holder, limit, now, now + ttlMs])) === 1,
    async dropPermit(name, holder) {
      await redis.zrem(key('permits', name), holder);
    },
    async permits(name, now) {
      const flat = await redis.zrangebyscore(key('permits', name), `(${now}`, '+inf', 'WITHSCORES');
      return Array.from({ length: flat.length / 2 }, (_, at) => ({ holder: String(flat[at * 2]), untilMs: Number(flat[at * 2 + 1]) }));
    },
    async setShared(name, value) {
      await redis.hset(key('shared'), name, value);
    },
    getShared: async (name) => (await redis.hget(key('shared'), name)) ?? undefined,

    async announce(presence, ttlMs) {
      await redis
        .multi()
        .set(key('worker', presence.worker), JSON.stringify(presence), 'PX', ttlMs)
        .sadd(key('workers'), presence.worker)
        .exec();
    },
    async leave(worker) {
      await redis.multi().del(key('worker', worker)).srem(key('workers'), worker).exec();
    },
    async workers() {
      const names = await redis.smembers(key('workers'));
      if (names.length === 0) return [];
      const values = await redis.mget(names.map((name) => key('worker', name)));
      const gone = names.filter((_, at) => !values[at]);
      if (gone.length > 0) await redis.srem(key('workers'), ...gone);
      return values.flatMap((value) => (value ? [parse<Presence>(value)] : [])).sort((a, b) => (a.worker < b.worker ? -1 : 1));
    },
    async putSpool(spool) {
      await redis.hset(key('spools'), spool.name, JSON.stringify(spool));
    },
    async dropSpool(name) {
      await redis.hdel(key('spools'), name);
    },
    spools: async () => (await redis.hvals(key('spools'))).map(parse<SpoolRecord>),

    async close() {
      redis.disconnect();
      subscriber?.redis.disconnect();
    },
  };
}

function lists(change: Change): (string | number)[] {
  const args: (string | number)[] = [];
  const add = (items: (string | number)[][]): void => {
    args.push(items.length, ...items.flat());
  };
  add((change.drop ?? []).map((task) => [task]));
  add((change.put ?? []).map((task) => [task.id, JSON.stringify(task)]));
  add((change.done ?? []).map((record) => [record.id, JSON.stringify(record)]));
  add(
    (change.tally ?? []).flatMap((tally) =>
      Object.entries(tally).flatMap(([row, columns]) => Object.entries(columns).map(([column, by]) => [row, column, by])),
    ),
  );
  add((change.notes ?? []).map((note) => [JSON.stringify(note)]));
  add((change.events ?? []).map((event) => [JSON.stringify(event)]));
  return args;
}

function snapshot(fields: Record<string, string>): OperationSnapshot {
  const tasks = new Map<string, TaskRecord>();
  const attempts = new Map<string, AttemptRecord>();
  const outcomes = new Map<string, Outcome>();
  for (const [field, value] of Object.entries(fields)) {
    const task = field.slice(2);
    if (field.startsWith('t:')) tasks.set(task, parse<TaskRecord>(value));
    else if (field.startsWith('o:')) outcomes.set(task, parse<Outcome>(value));
    else if (field.startsWith('a:')) {
      const [round, generation, startedAt, ...worker] = value.split(' ');
      const attempt: AttemptRecord = {
        round: Number(round),
        generation: Number(generation),
        worker: worker.join(' '),
        startedAt: Number(startedAt),
        seenAt: Number(fields[`s:${task}`] ?? 0),
      };
      const progress = fields[`p:${task}`];
      const gate = fields[`w:${task}`];
      if (progress) attempt.progress = parse<Progress>(progress);
      if (gate) attempt.gate = parse<GateNote>(gate);
      attempts.set(task, attempt);
    }
  }
  return { header: { ...parse<OperationHeader>(fields.header!), version: Number(fields.version) }, tasks, attempts, outcomes };
}
