/** The store's part on what operations share: room in spools, permits, dead letters, workers. */
import type { DeadLetter, Presence, SpoolRecord, Store } from '@longshore/core';
import type { Base } from './base.ts';
import { parse } from './records.ts';

type RoomCalls = Pick<
  Store,
  'reserve' | 'releaseReservation' | 'reservations' | 'takePermit' | 'dropPermit' | 'permits' | 'agree' | 'setShared' | 'getShared'
>;
type FleetCalls = Pick<Store, 'announce' | 'leave' | 'workers' | 'putSpool' | 'dropSpool' | 'spools' | 'bury' | 'deadLetters' | 'exhume'>;

export function roomCalls({ redis, key, op, call }: Base): RoomCalls {
  return {
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
    async agree(id, facts) {
      const names = [...facts.keys()];
      const values = (await call('agree', [op(id), op(id, 'agreed')], [...facts].flat())) as (string | null)[];
      return new Map(names.map((name, at) => [name, values[at] ?? facts.get(name)!]));
    },
    async setShared(name, value) {
      await redis.hset(key('shared'), name, value);
    },
    getShared: async (name) => (await redis.hget(key('shared'), name)) ?? undefined,
  };
}

export function fleetCalls({ redis, key, call }: Base): FleetCalls {
  return {
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

    async bury(letter) {
      await redis.hset(key('letters'), letter.id, JSON.stringify(letter));
    },
    async deadLetters() {
      const letters = (await redis.hvals(key('letters'))).map(parse<DeadLetter>);
      return letters.sort((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1));
    },
    async exhume(id) {
      const letter = (await call('exhume', [key('letters')], [id])) as string | null;
      return letter === null ? undefined : parse<DeadLetter>(letter);
    },
  };
}
