/** The store in memory, for simulation and tests. Every value is copied on the way in and out, as a real store would. */

import type { AuditEntry, TokenRecord } from '../access.ts';
import { EVENTS_KEPT, NOTES_KEPT, SAMPLES_KEPT } from '../limits.ts';
import type {
  Beat,
  Change,
  Claim,
  Clock,
  LeaseGrant,
  LeaseRefusal,
  Opened,
  OperationQuery,
  OperationSnapshot,
  Presence,
  SpoolRecord,
  SpoolUse,
  Store,
} from '../ports.ts';
import { cursorOf, fits, isBehind, placeOf } from '../query.ts';
import type {
  AttemptRecord,
  DeadLetter,
  DoneRecord,
  GateNote,
  GuardRecord,
  JournalEntry,
  LeaseRequest,
  Note,
  OperationEvent,
  OperationHeader,
  Outcome,
  Progress,
  StoredPlan,
  Tally,
  TaskRecord,
} from '../words.ts';
import { isAtRest } from '../words.ts';

interface Held {
  header: OperationHeader;
  plan?: StoredPlan;
  generation: number;
  tasks: Map<string, TaskRecord>;
  attempts: Map<string, AttemptRecord>;
  gates: Map<string, GateNote>;
  outcomes: Map<string, Outcome>;
  checkpoints: Map<string, string>;
  exhibits: Map<string, string>;
  series: Map<string, [at: number, value: number][]>;
  /** What attempts that gave their task back had counted. */
  carried: Map<string, Record<string, number>>;
  /** Deliveries of the present round that were lost. */
  deaths: Map<string, number>;
  guards: Map<string, GuardRecord>;
  journal: Map<string, JournalEntry>;
  done: Map<string, DoneRecord>;
  rows: Map<string, Map<string, number>>;
  agreed: Map<string, string>;
  notes: Note[];
  notesDropped: number;
  events: OperationEvent[];
}

/** By way of JSON, as a real store does it; faster than a structured clone, too. */
const copy = <T>(value: T): T => (value === undefined ? value : (JSON.parse(JSON.stringify(value)) as T));
const copyMap = <T>(values: ReadonlyMap<string, T>): Map<string, T> => new Map([...values].map(([key, value]) => [key, copy(value)]));

export function memoryStore(clock: Clock): Store {
  const operations = new Map<string, Held>();
  const byKey = new Map<string, string>();
  const leases: { target: string; scope: string; operation: string; token: number; freeAt?: number }[] = [];
  /** The last lease of each scope that each operation had. */
  const given = new Map<string, { target: string; scope: string; operation: string; token: number }>();
  const letters = new Map<string, DeadLetter>();
  const reservations = new Map<string, Map<string, { bytes: number; inodes: number }>>();
  const permits = new Map<string, Map<string, number>>();
  const shared = new Map<string, string>();
  const presences = new Map<string, { presence: Presence; until: number }>();
  const spools = new Map<string, SpoolRecord>();
  const tokens = new Map<string, TokenRecord>();
  const audited: AuditEntry[] = [];
  const waiting = new Set<(operation: string | undefined) => void>();
  let lastToken = 0;
  let lastEvent = 0;

  const addEvent = (entry: Held, event: Omit<OperationEvent, 'id'>): void => {
    lastEvent += 1;
    entry.events.push({ id: String(lastEvent).padStart(12, '0'), ...copy(event) });
    if (entry.events.length > EVENTS_KEPT) entry.events.shift();
    for (const wake of [...waiting]) wake(entry.header.id);
  };

  const current = (entry: Held | undefined, task: string, generation: number): AttemptRecord | undefined => {
    const attempt = entry?.attempts.get(task);
    return entry?.tasks.has(task) && attempt?.generation === generation ? attempt : undefined;
  };
  const ordered = (entry: Held, task: string): boolean => entry.header.order !== undefined && entry.tasks.get(task)?.closes === undefined;
  const conflict = (a: { target: string; scope: string }, b: { target: string; scope: string }): boolean =>
    a.target === b.target && (a.scope.startsWith(b.scope) || b.scope.startsWith(a.scope));
  const releaseAll = (id: string, quietUntil: number | undefined): void => {
    for (let at = leases.length - 1; at >= 0; at -= 1) {
      const lease = leases[at]!;
      if (lease.operation !== id) continue;
      if (quietUntil !== undefined && quietUntil > clock.now()) lease.freeAt = Math.max(quietUntil, lease.freeAt ?? 0);
      else if ((lease.freeAt ?? 0) <= clock.now()) leases.splice(at, 1);
    }
  };
  const journalKey = ({ task, key }: JournalEntry): string => `${task}\u001f${key}`;

  return {
    async create(header, idempotencyKey) {
      const known = idempotencyKey === undefined ? undefined : byKey.get(idempotencyKey);
      if (known !== undefined) return { id: known, created: false };
      if (operations.has(header.id)) return { id: header.id, created: false };
      if (idempotencyKey !== undefined) byKey.set(idempotencyKey, header.id);
      operations.set(header.id, {
        header: copy(header),
        generation: 0,
        tasks: new Map(),
        attempts: new Map(),
        gates: new Map(),
        outcomes: new Map(),
        checkpoints: new Map(),
        exhibits: new Map(),
        series: new Map(),
        carried: new Map(),
        deaths: new Map(),
        guards: new Map(),
        journal: new Map(),
        done: new Map(),
        rows: new Map(),
        notes: [],
        agreed: new Map(),
        notesDropped: 0,
        events: [],
      });
      return { id: header.id, created: true };
    },

    async load(id): Promise<OperationSnapshot | undefined> {
      const entry = operations.get(id);
      if (!entry) return undefined;
      const attempts = copyMap(entry.attempts);
      for (const [task, gate] of entry.gates) {
        const attempt = attempts.get(task);
        if (attempt) attempt.gate = copy(gate);
      }
      return {
        header: copy(entry.header),
        tasks: copyMap(entry.tasks),
        attempts,
        outcomes: copyMap(entry.outcomes),
        guards: copyMap(entry.guards),
      };
    },
    header: async (id) => copy(operations.get(id)?.header),
    plan: async (id) => copy(operations.get(id)?.plan),
    done: async (id, task) =>
      [...(operations.get(id)?.done.values() ?? [])].filter((record) => task === undefined || record.id === task).map(copy),

    async report(id) {
      const entry = operations.get(id);
      // A row may have any name, `__proto__` too.
      const rows = Object.create(null) as Tally;
      for (const [row, columns] of entry?.rows ?? []) rows[row] = Object.fromEntries(columns);
      return { rows, notes: copy(entry?.notes ?? []), notesDropped: entry?.notesDropped ?? 0 };
    },

    async commit(id, change: Change) {
      const entry = operations.get(id);
      if (!entry || entry.header.version !== change.header.version) return false;
      entry.header = { ...copy(change.header), version: change.header.version + 1 };
      for (const task of change.drop ?? [])
        for (const map of [entry.tasks, entry.attempts, entry.gates, entry.outcomes, entry.checkpoints, entry.carried, entry.deaths])
          map.delete(task);
      for (const task of change.put ?? []) {
        if (entry.tasks.get(task.id)?.round !== task.round) for (const map of [entry.carried, entry.deaths]) map.delete(task.id);
        entry.tasks.set(task.id, copy(task));
      }
      for (const guard of change.guards ?? []) entry.guards.set(guard.key, copy(guard));
      for (const record of change.done ?? []) entry.done.set(record.id, copy(record));
      if (change.plan) entry.plan = copy(change.plan);
      if (change.release) releaseAll(id, change.release.quietUntil);
      for (const tally of change.tally ?? [])
        for (const [row, columns] of Object.entries(tally)) {
          const into = entry.rows.get(row) ?? new Map<string, number>();
          entry.rows.set(row, into);
          for (const [column, by] of Object.entries(columns)) into.set(column, (into.get(column) ?? 0) + by);
        }
      for (const note of change.notes ?? []) {
        if (entry.notes.length < NOTES_KEPT) entry.notes.push(copy(note));
        else entry.notesDropped += 1;
      }
      for (const event of change.events ?? []) addEvent(entry, event);
      return true;
    },

    async list(query: OperationQuery) {
      const { after, limit } = query;
      const all = [...operations.values()].map((entry) => entry.header).sort((a, b) => (isBehind(a, b) ? 1 : -1));
      const place = after === undefined ? undefined : placeOf(after);
      const wanted = all.filter((header) => (!place || isBehind(header, place)) && fits(header, query));
      const page = wanted.slice(0, limit).map(copy);
      const last = page.at(-1);
      return wanted.length > limit && last ? { operations: page, next: cursorOf(last) } : { operations: page };
    },
    async live() {
      return [...operations.values()]
        .filter((entry) => !isAtRest(entry.header))
        .map((entry) => entry.header)
        .sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1))
        .map((header) => header.id);
    },
    async remove(id) {
      operations.delete(id);
      for (const [scope, lease] of given) if (lease.operation === id) given.delete(scope);
    },

    async claim(id, task, round, worker, now): Promise<Claim> {
      const entry = operations.get(id);
      const record = entry?.tasks.get(task);
      if (!entry || !record || record.state !== 'queued' || record.round !== round) return { claim: 'unwanted' };
      if (entry.outcomes.get(task)?.round === round) return { claim: 'ended' };
      if (ordered(entry, task)) return { claim: 'unwanted' };
      const before = entry.attempts.get(task);
      if (before?.round === round && before.seenAt !== 0) entry.deaths.set(task, (entry.deaths.get(task) ?? 0) + 1);
      entry.generation += 1;
      entry.attempts.set(task, { round, generation: entry.generation, worker, startedAt: now, seenAt: now });
      return {
        claim: 'yours',
        generation: entry.generation,
        task: copy(record),
        header: copy(entry.header),
        deaths: entry.deaths.get(task) ?? 0,
        carried: copy(entry.carried.get(task) ?? {}),
      };
    },
    async beat(id, task, generation, now, progress?: Progress): Promise<Beat> {
      const entry = operations.get(id);
      const attempt = current(entry, task, generation);
      if (!entry || !attempt) return { state: 'superseded' };
      attempt.seenAt = now;
      if (progress) {
        attempt.progress = copy(progress);
        entry.gates.delete(task);
      }
      return entry.header.order && ordered(entry, task) ? { state: 'go', order: entry.header.order } : { state: 'go' };
    },
    async shut(id, task, generation, gate, carry) {
      const entry = operations.get(id);
      const attempt = current(entry, task, generation);
      if (!entry || !attempt) return false;
      const before = entry.gates.get(task);
      if (gate) entry.gates.set(task, { ...copy(gate), since: before?.gate === gate.gate ? before.since : gate.since });
      entry.carried.set(task, copy(carry));
      attempt.seenAt = 0;
      return true;
    },
    async finish(id, task, outcome: Outcome) {
      const entry = operations.get(id);
      if (!entry || !current(entry, task, outcome.generation)) return false;
      if (entry.tasks.get(task)?.round !== outcome.round) return false;
      entry.outcomes.set(task, copy(outcome));
      return true;
    },
    async saveCheckpoint(id, task, generation, value) {
      const entry = operations.get(id);
      if (!entry || !current(entry, task, generation)) return false;
      entry.checkpoints.set(task, value);
      return true;
    },
    loadCheckpoint: async (id, task) => operations.get(id)?.checkpoints.get(task),
    async show(id, task, generation, name, json) {
      const entry = operations.get(id);
      if (!entry || !current(entry, task, generation)) return false;
      entry.exhibits.set(name, json);
      return true;
    },
    async sample(id, task, generation, series, at, value) {
      const entry = operations.get(id);
      if (!entry || !current(entry, task, generation)) return false;
      const known = entry.series.get(series) ?? [];
      const kept = known.length < SAMPLES_KEPT ? known : known.filter((_, place) => place % 2 === 0);
      entry.series.set(series, [...kept, [at, value]]);
      return true;
    },
    async picture(id) {
      const { exhibits = [], series = [] } = operations.get(id) ?? {};
      return {
        exhibits: Object.fromEntries([...exhibits].map(([name, json]) => [name, JSON.parse(json)])),
        series: copy(Object.fromEntries(series)),
      };
    },

    async writeJournal(id, task, generation, entry, again = false) {
      const held = operations.get(id);
      if (!held || !current(held, task, generation)) return undefined;
      const known = held.journal.get(journalKey(entry));
      if (known && entry.state === 'intent' && !again) return copy(known);
      held.journal.set(journalKey(entry), copy(entry));
      return copy(entry);
    },
    journal: async (id) => [...(operations.get(id)?.journal.values() ?? [])].map(copy).sort((a, b) => a.at - b.at),
    async openGuard(id, task, generation, guard, replaces): Promise<Opened> {
      const entry = operations.get(id);
      if (!entry || !current(entry, task, generation)) return { refused: 'superseded' };
      if (ordered(entry, task)) return { refused: 'ordered' };
      if (!leases.some((lease) => lease.operation === id && lease.target === guard.target && lease.freeAt === undefined))
        return { refused: 'lease' };
      if (replaces) entry.guards.set(replaces.key, copy(replaces));
      const known = entry.guards.get(guard.key);
      if (known?.state === 'open') return { opened: copy(known) };
      entry.guards.set(guard.key, copy(guard));
      return { opened: copy(guard) };
    },
    async endGuard(id, task, generation, guard) {
      const entry = operations.get(id);
      if (!entry || !current(entry, task, generation)) return false;
      entry.guards.set(guard.key, copy(guard));
      return true;
    },
    async mayAct(id, task, generation, held) {
      const entry = operations.get(id);
      if (!entry || !current(entry, task, generation)) return false;
      // A pause lets what runs come to its end.
      if (entry.header.order === 'cancel' && ordered(entry, task)) return false;
      return held.every(({ target, scope, token }) =>
        leases.some(
          (lease) =>
            lease.operation === id &&
            lease.target === target &&
            lease.scope === scope &&
            lease.token === token &&
            lease.freeAt === undefined,
        ),
      );
    },

    async addEvent(id, event) {
      const entry = operations.get(id);
      if (entry) addEvent(entry, event);
    },
    async events(id, after, limit, waitMs, signal) {
      const read = (): OperationEvent[] =>
        (operations.get(id)?.events ?? []).filter((event) => after === undefined || event.id > after).slice(0, limit);
      const found = read();
      if (found.length > 0 || waitMs <= 0 || signal?.aborted) return copy(found);
      const stop = new AbortController();
      const woken = Promise.withResolvers<void>();
      const end = (): void => woken.resolve();
      const wake = (operation: string | undefined): void => {
        if (operation === undefined || operation === id) end();
      };
      waiting.add(wake);
      signal?.addEventListener('abort', end, { once: true });
      const timeout = clock.sleep(waitMs, stop.signal).catch((reason: unknown) => {
        if (!stop.signal.aborted) throw reason;
      });
      await Promise.race([woken.promise, timeout]);
      stop.abort();
      waiting.delete(wake);
      signal?.removeEventListener('abort', end);
      return copy(read());
    },

    async acquireLeases(id, wanted: LeaseRequest[], now): Promise<LeaseGrant | LeaseRefusal> {
      for (let at = leases.length - 1; at >= 0; at -= 1) if ((leases[at]?.freeAt ?? now + 1) <= now) leases.splice(at, 1);
      for (const request of wanted) {
        const other = leases.find((lease) => lease.operation !== id && conflict(lease, request));
        if (!other) continue;
        const { operation: heldBy, target, scope, freeAt } = other;
        return freeAt === undefined ? { heldBy, target, scope } : { heldBy, target, scope, freeAt };
      }
      let last: LeaseGrant['last'];
      for (const lease of given.values())
        if (lease.operation !== id && lease.token > (last?.token ?? 0) && wanted.some((request) => conflict(lease, request)))
          last = { ...lease };
      const tokens = wanted.map(({ target, scope }) => {
        const mine = leases.find((lease) => lease.operation === id && lease.target === target && lease.scope === scope);
        if (mine) {
          delete mine.freeAt;
          return mine.token;
        }
        lastToken = Math.max(lastToken + 1, clock.now());
        leases.push({ target, scope, operation: id, token: lastToken });
        given.set(JSON.stringify([target, scope, id]), { target, scope, operation: id, token: lastToken });
        return lastToken;
      });
      return last ? { tokens, last } : { tokens };
    },
    releaseLeases: async (id, quietUntil) => releaseAll(id, quietUntil),

    async bury(letter) {
      letters.set(letter.id, copy(letter));
    },
    deadLetters: async () => [...letters.values()].map(copy).sort((a, b) => a.at - b.at),
    async exhume(id) {
      const letter = letters.get(id);
      letters.delete(id);
      return letter;
    },
    async expired(before, keep, limit) {
      const resting = [...operations.values()]
        .map((entry) => entry.header)
        .filter(isAtRest)
        .sort((a, b) => a.updatedAt - b.updatedAt || (a.id < b.id ? -1 : 1));
      const surplus = Math.max(0, resting.length - keep);
      return resting
        .filter((header, at) => header.updatedAt < before || at < surplus)
        .slice(0, limit)
        .map((header) => header.id);
    },
    durability: async () => 'always',

    async reserve(spool, holder, asked, capacity) {
      const want = { bytes: Math.round(asked.bytes), inodes: Math.round(asked.inodes) };
      const all = reservations.get(spool) ?? new Map<string, { bytes: number; inodes: number }>();
      reservations.set(spool, all);
      const others: SpoolUse = { bytes: 0, inodes: 0, holders: 0 };
      for (const [other, use] of all) {
        if (other === holder) continue;
        others.bytes += use.bytes;
        others.inodes += use.inodes;
        others.holders += 1;
      }
      const ok = others.bytes + want.bytes <= capacity.bytes && others.inodes + want.inodes <= capacity.inodes;
      if (ok) all.set(holder, want);
      return { ok, others };
    },
    async releaseReservation(spool, holder) {
      reservations.get(spool)?.delete(holder);
    },
    async reservations(spool) {
      return [...(reservations.get(spool) ?? [])].map(([holder, use]) => ({ holder, ...use }));
    },

    async takePermit(name, holder, limit, now, ttlMs) {
      const all = permits.get(name) ?? new Map<string, number>();
      permits.set(name, all);
      for (const [other, until] of all) if (until <= now) all.delete(other);
      if (!all.has(holder) && all.size >= limit) return false;
      all.set(holder, now + ttlMs);
      return true;
    },
    async dropPermit(name, holder) {
      permits.get(name)?.delete(holder);
    },
    permits: async (name, now) =>
      [...(permits.get(name) ?? [])].filter(([, until]) => until > now).map(([holder, untilMs]) => ({ holder, untilMs })),
    async agree(id, facts) {
      const agreed = operations.get(id)?.agreed;
      for (const [fact, value] of facts) if (agreed !== undefined && !agreed.has(fact)) agreed.set(fact, value);
      return new Map([...facts].map(([fact, value]) => [fact, agreed?.get(fact) ?? value]));
    },
    async setShared(key, value) {
      shared.set(key, value);
    },
    getShared: async (key) => shared.get(key),

    async announce(presence, ttlMs) {
      presences.set(presence.worker, { presence: copy(presence), until: clock.now() + ttlMs });
    },
    async leave(worker) {
      presences.delete(worker);
    },
    async workers() {
      const here = [...presences.values()].filter(({ until }) => until > clock.now());
      return here.map(({ presence }) => copy(presence)).sort((a, b) => (a.worker < b.worker ? -1 : 1));
    },
    async putSpool(spool) {
      spools.set(spool.name, copy(spool));
    },
    async dropSpool(name) {
      spools.delete(name);
    },
    spools: async () => [...spools.values()].map(copy),

    async addToken(token) {
      if (tokens.has(token.name)) return false;
      tokens.set(token.name, copy(token));
      return true;
    },
    token: async (name) => copy(tokens.get(name)),
    tokens: async () => [...tokens.values()].map(copy).sort((a, b) => (a.name < b.name ? -1 : 1)),
    revokeToken: async (name) => tokens.delete(name),

    async audit(entry) {
      audited.push({ id: `${clock.now()}-${audited.length}`, ...copy(entry) });
    },
    async auditEntries(after, limit) {
      const [ms = -1, place = 0] = after?.split('-').map(Number) ?? [];
      const behind = audited.filter(({ id }) => {
        const [itsMs = 0, itsPlace = 0] = id.split('-').map(Number);
        return itsMs > ms || (itsMs === ms && itsPlace > place);
      });
      return behind.slice(0, limit).map(copy);
    },

    async close() {
      for (const wake of [...waiting]) wake(undefined);
    },
  };
}
