/** The store's part of the scheduler and of people: operations, their lists, their end. */
import type { Clock, DoneRecord, Note, OperationHeader, OperationQuery, Store, StoredPlan } from '@longshore/core';
import { cursorOf, EVENTS_KEPT, fits, isAtRest, isBehind, NOTES_KEPT, placeOf } from '@longshore/core';
import type { Base } from './base.ts';
import { givenField, leasePrefix } from './leases.ts';
import { changeLists, parse, parseRows, parseSnapshot } from './records.ts';

/** An idempotency key is remembered for a day. */
const IDEMPOTENCY_SECONDS = 86_400;
const LIST_STEP = 200;
/** What lies beside the operation itself. */
const PARTS = ['plan', 'checkpoints', 'done', 'rows', 'notes', 'events', 'journal', 'given', 'picture', 'agreed'];

type OperationCalls = Pick<
  Store,
  'create' | 'load' | 'header' | 'plan' | 'done' | 'report' | 'commit' | 'list' | 'live' | 'remove' | 'expired'
>;

export function operationCalls({ redis, key, op, call }: Base, clock: Clock): OperationCalls {
  return {
    async create(header, idempotencyKey) {
      const { id, version, createdAt, updatedAt } = header;
      const atRest = isAtRest(header);
      const asked = idempotencyKey === undefined ? op(id) : key('idempotency', idempotencyKey);
      const keys = [op(id), key(atRest ? 'resting' : 'live'), key('all'), asked];
      const once = idempotencyKey === undefined ? '0' : '1';
      const args = [id, JSON.stringify(header), version, createdAt, atRest ? updatedAt : createdAt, once, IDEMPOTENCY_SECONDS];
      const [known, created] = (await call('create', keys, args)) as [string, number];
      return { id: known, created: created === 1 };
    },

    async load(id) {
      const fields = await redis.hgetall(op(id));
      return fields.header === undefined ? undefined : parseSnapshot(fields);
    },
    async header(id) {
      const header = await redis.hget(op(id), 'header');
      return header === null ? undefined : parse<OperationHeader>(header);
    },
    async plan(id) {
      const plan = await redis.get(op(id, 'plan'));
      return plan === null ? undefined : parse<StoredPlan>(plan);
    },
    async done(id, task) {
      if (task === undefined) return (await redis.hvals(op(id, 'done'))).map(parse<DoneRecord>);
      const record = await redis.hget(op(id, 'done'), task);
      return record === null ? [] : [parse<DoneRecord>(record)];
    },
    async report(id) {
      const [cells, notes, dropped] = await Promise.all([
        redis.hgetall(op(id, 'rows')),
        redis.lrange(op(id, 'notes'), 0, -1),
        redis.hget(op(id), 'notesDropped'),
      ]);
      return { rows: parseRows(cells), notes: notes.map(parse<Note>), notesDropped: Number(dropped ?? 0) };
    },

    async commit(id, change) {
      const { header } = change;
      const version = header.version + 1;
      const keys = [
        op(id),
        op(id, 'checkpoints'),
        op(id, 'done'),
        op(id, 'rows'),
        op(id, 'notes'),
        op(id, 'events'),
        key('live'),
        key('resting'),
        op(id, 'plan'),
        key('leases'),
      ];
      const { release } = change;
      const args = [
        id,
        header.version,
        version,
        JSON.stringify({ ...header, version }),
        header.order ?? '',
        isAtRest(header) ? '1' : '0',
        header.createdAt,
        header.updatedAt,
        change.plan ? JSON.stringify(change.plan) : '',
        NOTES_KEPT,
        EVENTS_KEPT,
        key('events'),
        ...(release ? [leasePrefix(id), clock.now(), release.quietUntil ?? ''] : ['', 0, '']),
        ...changeLists(change),
      ];
      return (await call('commit', keys, args)) === 1;
    },

    async list(query: OperationQuery) {
      const { after, limit } = query;
      const found: OperationHeader[] = [];
      const place = after === undefined ? undefined : placeOf(after);
      // Newer ones are not read again, even when the one that the page before ended with has been forgotten.
      let from = place ? await redis.zcount(key('all'), `(${place.createdAt}`, '+inf') : 0;
      for (; found.length <= limit; from += LIST_STEP) {
        const ids = await redis.zrevrange(key('all'), from, from + LIST_STEP - 1);
        if (ids.length === 0) break;
        const pipeline = redis.pipeline();
        for (const id of ids) pipeline.hget(op(id), 'header');
        for (const [error, text] of (await pipeline.exec()) ?? []) {
          if (error) throw error;
          if (typeof text !== 'string') continue;
          const header = parse<OperationHeader>(text);
          if ((!place || isBehind(header, place)) && fits(header, query)) found.push(header);
        }
      }
      const page = found.slice(0, limit);
      const last = page.at(-1);
      return found.length > limit && last ? { operations: page, next: cursorOf(last) } : { operations: page };
    },
    live: () => redis.zrange(key('live'), 0, '-1'),

    async remove(id) {
      const given = (await redis.smembers(op(id, 'given'))).map(parse<[operation: string, target: string, scope: string]>);
      const keys = [
        key('live'),
        key('resting'),
        key('all'),
        ...given.map(([, target]) => key('given', target)),
        op(id),
        ...PARTS.map((part) => op(id, part)),
      ];
      await call('remove', keys, [id, ...given.map(([, , scope]) => givenField(id, scope))]);
    },
    async expired(before, keep, limit) {
      if (limit < 1) return [];
      const [resting, oldest] = await Promise.all([
        redis.zcard(key('resting')),
        redis.zrange(key('resting'), 0, `${limit - 1}`, 'WITHSCORES'),
      ]);
      const surplus = resting - keep;
      const ids: string[] = [];
      for (let at = 0; at < oldest.length; at += 2) if (Number(oldest[at + 1]) < before || at / 2 < surplus) ids.push(oldest[at]!);
      return ids;
    },
  };
}
