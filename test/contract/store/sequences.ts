/** Random calls on a store, the same for the same seed, out of few names so that they meet. */
import type { GuardRecord, JournalEntry, OperationHeader, OperationSnapshot, Random, Store, TaskRecord } from '@longshore/core';
import { entry, guard, header, outcome, presence, record, T0 } from './bench.ts';

export interface Step {
  /** For people. */
  call: string;
  run(store: Store): Promise<unknown>;
}

const HOUR_MS = 3_600_000;
const OPERATIONS = ['a', 'b', 'ab'];
const TASKS = ['t', 'u', 'tu'];
const TARGETS = ['x', 'y'];
const SCOPES = ['', 'p', 'pq', 'r'];
const STATES = ['running', 'running', 'running', 'succeeded', 'failed', 'planned', 'needs-attention'] as const;
const ORDERS = [undefined, undefined, undefined, undefined, undefined, undefined, 'pause', 'cancel'] as const;
const GATES = ['space', 'sink', 'target'] as const;

type Draw = ReturnType<typeof drawFrom>;

export function drawFrom(random: Random) {
  const number = (below: number): number => Math.floor(random.next() * below);
  const one = <T>(of: readonly T[]): T => of[number(of.length)]!;
  const chance = (share: number): boolean => random.next() < share;
  const some = <T>(make: () => T): T[] => Array.from({ length: number(3) }, make);
  const operation = (): string => one(OPERATIONS);
  const task = (): string => one(TASKS);
  const leases = () => Array.from({ length: 1 + number(2) }, () => ({ target: one(TARGETS), scope: one(SCOPES) }));
  return { number, one, chance, some, operation, task, leases };
}

function taskRecord({ task, chance }: Draw): TaskRecord {
  return record(task(), {
    round: chance(0.8) ? 1 : 2,
    state: chance(0.9) ? 'queued' : 'waiting',
    ...(chance(0.2) ? { closes: 'g' } : {}),
  });
}

const guardRecord = ({ one, number }: Draw): GuardRecord =>
  guard(one(['g', 'h']), {
    target: one(TARGETS),
    openedAt: T0 + number(1_000),
    state: one(['open', 'open', 'closed', 'replaced', 'handed-over']),
  });

const journalEntry = ({ one, number, task }: Draw): JournalEntry =>
  entry(task(), one(['k', 'l', '']), { state: one(['intent', 'intent', 'done', 'undone']), at: T0 + number(4), generation: number(9) });

function headerAfter(found: OperationHeader, { one, number }: Draw): OperationHeader {
  const { intent: _intent, order: _order, ...rest } = found;
  const order = one(ORDERS);
  const intent = one(ORDERS);
  return {
    ...rest,
    state: one(STATES),
    mode: one(['run', 'run', 'plan']),
    updatedAt: T0 + number(20),
    ...(order === undefined ? {} : { order }),
    ...(intent === undefined ? {} : { intent }),
  };
}

/** What was answered so far that later calls need. */
export interface Heard {
  /** Headers by operation, as last read. */
  headers: Map<string, OperationHeader>;
  /** Last generation heard of a task, by `operation/task`. */
  generations: Map<string, number>;
  /** Every lease ever given. */
  leases: { target: string; scope: string; token: number }[];
  /** When the sequence began, ms; and the latest time given. */
  begun: number;
  now: number;
}

/** Half of the calls come from the last attempt, the others from one before, after, or never. */
function generation(draw: Draw, heard: Heard, operation: string, task: string): number {
  const last = heard.generations.get(`${operation}/${task}`) ?? 1;
  return draw.chance(0.7) ? last : Math.max(1, last - 1 + draw.number(3));
}

type Maker = (draw: Draw, heard: Heard) => Step;

const step = (call: string, args: unknown, run: Step['run']): Step => ({ call: `${call} ${JSON.stringify(args)}`, run });

const decisions: Maker[] = [
  (draw) => {
    const id = draw.operation();
    // The same whenever it is made, as it never changes in an operation's life.
    const made = header(id, { createdAt: T0 + (id === 'ab' ? 1 : 0), state: draw.one(STATES), mode: draw.one(['run', 'plan']) });
    const key = draw.one([undefined, undefined, undefined, 'k1', 'k2']);
    return step('create', [made, key], (store) => store.create(made, key));
  },
  ...Array.from(
    { length: 5 },
    (): Maker => (draw, heard) => {
      const id = draw.operation();
      const found = heard.headers.get(id) ?? header(id);
      const change = {
        header: headerAfter(found, draw),
        put: draw.some(() => taskRecord(draw)),
        ...(draw.chance(0.1) ? { drop: draw.some(draw.task) } : {}),
        ...(draw.chance(0.2) ? { guards: draw.some(() => guardRecord(draw)) } : {}),
        ...(draw.chance(0.2) ? { done: [{ id: draw.task(), task: 'x', stage: 0, result: 'ok' as const, endedAt: T0 }] } : {}),
        ...(draw.chance(0.2) ? { tally: [{ [draw.one(SCOPES)]: { points: draw.number(9) } }] } : {}),
        ...(draw.chance(0.2) ? { notes: [{ level: 'info' as const, text: 'n' }] } : {}),
        ...(draw.chance(0.3) ? { events: [{ at: T0, type: 'note', text: String(draw.number(99)) }] } : {}),
      };
      return step('commit', [id, change], (store) => store.commit(id, change));
    },
  ),
  (draw) => {
    const id = draw.operation();
    return draw.chance(0.15)
      ? step('remove', id, (store) => store.remove(id))
      : step('load', id, async (store) => inOrder(await store.load(id)));
  },
  (draw) => {
    const id = draw.operation();
    const event = { at: T0, type: 'note', text: String(draw.number(99)) };
    return step('addEvent', [id, event], (store) => store.addEvent(id, event));
  },
  (draw) => {
    const args = [T0 + draw.number(25), draw.number(4), draw.number(4)] as const;
    return step('expired', args, (store) => store.expired(...args));
  },
  (draw) => {
    const query = { limit: 1 + draw.number(3), ...(draw.chance(0.3) ? { after: draw.operation() } : {}) };
    return step('list', query, (store) => store.list(query));
  },
];

const attempts: Maker[] = [
  ...Array.from(
    { length: 5 },
    (): Maker => (draw) => {
      const args = [draw.operation(), draw.task(), draw.chance(0.8) ? 1 : 2, draw.one(['w1', 'w 2']), T0 + draw.number(50)] as const;
      return step('claim', args, (store) => store.claim(...args));
    },
  ),
  (draw, heard) => {
    const [id, task] = [draw.operation(), draw.task()];
    const progress = draw.chance(0.4) ? { done: draw.number(5), unit: 'points' } : undefined;
    const args = [id, task, generation(draw, heard, id, task), T0 + draw.number(50), progress] as const;
    return step('beat', args, (store) => store.beat(...args));
  },
  (draw, heard) => {
    const [id, task] = [draw.operation(), draw.task()];
    const gate = draw.chance(0.6) ? { gate: draw.one(GATES), reason: 'r "x"', since: T0 + draw.number(50) } : undefined;
    const args = [id, task, generation(draw, heard, id, task), gate, draw.chance(0.5) ? { points: draw.number(9) } : {}] as const;
    return step('shut', args, (store) => store.shut(...args));
  },
  (draw, heard) => {
    const [id, task] = [draw.operation(), draw.task()];
    const ended = outcome(generation(draw, heard, id, task), { round: draw.chance(0.8) ? 1 : 2 });
    return step('finish', [id, task, ended], (store) => store.finish(id, task, ended));
  },
  (draw, heard) => {
    const [id, task] = [draw.operation(), draw.task()];
    const args = [id, task, generation(draw, heard, id, task), String(draw.number(9))] as const;
    if (draw.chance(0.3)) {
      const sample = [args[2], draw.one(['s1', 's 2']), T0 + draw.number(50), draw.number(9) / 4] as const;
      return step('sample', [id, task, ...sample], (store) => store.sample(id, task, ...sample));
    }
    if (draw.chance(0.3)) {
      const exhibit = [args[2], draw.one(['e1', 'e:2']), args[3]] as const;
      return step('show', [id, task, ...exhibit], (store) => store.show(id, task, ...exhibit));
    }
    return step('saveCheckpoint', args, async (store) => [await store.saveCheckpoint(...args), await store.loadCheckpoint(id, task)]);
  },
];

const changesOutside: Maker[] = [
  ...Array.from(
    { length: 2 },
    (): Maker => (draw, heard) => {
      const [id, task] = [draw.operation(), draw.task()];
      const args = [id, task, generation(draw, heard, id, task), journalEntry(draw)] as const;
      return step('writeJournal', args, (store) => store.writeJournal(...args));
    },
  ),
  ...Array.from(
    { length: 2 },
    (): Maker => (draw, heard) => {
      const [id, task] = [draw.operation(), draw.task()];
      const replaces = draw.chance(0.3) ? guardRecord(draw) : undefined;
      const args = [id, task, generation(draw, heard, id, task), guardRecord(draw), replaces] as const;
      return step('openGuard', args, (store) => store.openGuard(...args));
    },
  ),
  (draw, heard) => {
    const [id, task] = [draw.operation(), draw.task()];
    const args = [id, task, generation(draw, heard, id, task), guardRecord(draw)] as const;
    return step('endGuard', args, (store) => store.endGuard(...args));
  },
  (draw, heard) => {
    const [id, task] = [draw.operation(), draw.task()];
    const held = draw.chance(0.3) ? [] : [draw.one([...heard.leases, { target: 'x', scope: '', token: 1 }])];
    const args = [id, task, generation(draw, heard, id, task), held] as const;
    return step('mayAct', args, (store) => store.mayAct(...args));
  },
  ...Array.from(
    { length: 3 },
    (): Maker => (draw, heard) => {
      if (draw.chance(0.3)) heard.now += draw.number(HOUR_MS);
      const args = [draw.operation(), draw.leases(), draw.chance(0.2) ? heard.begun : heard.now] as const;
      return step('acquireLeases', args, (store) => store.acquireLeases(...args));
    },
  ),
  ...Array.from(
    { length: 2 },
    (): Maker => (draw, heard) => {
      // Whole hours away from the moment in which it runs.
      const quiet = draw.one([undefined, undefined, -1, 1, 2, 3]);
      const args = [draw.operation(), quiet === undefined ? undefined : heard.begun + quiet * HOUR_MS] as const;
      return step('releaseLeases', args, (store) => store.releaseLeases(...args));
    },
  ),
];

const shared: Maker[] = [
  (draw) => {
    const want = { bytes: draw.number(60), inodes: draw.number(6) };
    const args = [draw.one(['s1', 's2']), draw.one(['h1', 'h2', 'h3']), want, { bytes: 100, inodes: 10 }] as const;
    return step('reserve', args, (store) => store.reserve(...args));
  },
  (draw) => {
    const args = [draw.one(['s1', 's2']), draw.one(['h1', 'h2', 'h3'])] as const;
    return step('releaseReservation', args, (store) => store.releaseReservation(...args));
  },
  (draw) => {
    const args = ['p', draw.one(['h1', 'h2', 'h3']), 1 + draw.number(2), T0 + draw.number(50), 1 + draw.number(40)] as const;
    return draw.chance(0.2)
      ? step('dropPermit', args, (store) => store.dropPermit(args[0], args[1]))
      : step('takePermit', args, (store) => store.takePermit(...args));
  },
  (draw, heard) => {
    heard.now += 1;
    const letter = { id: `l${draw.number(3)}`, operation: 'a', task: 't', round: 1, queue: 'q', reason: 'r', at: heard.now };
    return draw.chance(0.5)
      ? step('bury', letter, (store) => store.bury(letter))
      : step('exhume', letter.id, (store) => store.exhume(letter.id));
  },
  (draw) => {
    const worker = `w${draw.number(3)}`;
    return draw.chance(0.6)
      ? step('announce', worker, (store) => store.announce(presence(worker, T0), 24 * HOUR_MS))
      : step('leave', worker, (store) => store.leave(worker));
  },
  (draw) => {
    const spool = { name: draw.one(['s1', 's2']), path: `/${draw.number(9)}`, host: 'h' };
    return draw.chance(0.6)
      ? step('putSpool', spool, (store) => store.putSpool(spool))
      : step('dropSpool', spool.name, (store) => store.dropSpool(spool.name));
  },
];

/** What a sequence begins with: operations with tasks and leases, or nothing would ever be claimed. */
export const firstSteps: Step[] = OPERATIONS.map((id, at) =>
  step('begin', id, async (store) => {
    const made = header(id, { createdAt: T0 + (id === 'ab' ? 1 : 0) });
    await store.create(made);
    await store.commit(id, { header: made, put: TASKS.map((task) => record(task)) });
    return store.acquireLeases(id, [{ target: TARGETS[at % 2]!, scope: SCOPES[at + 1]! }], T0);
  }),
);

/** Attempts and what they change are most of the calls. */
export function nextStep(draw: Draw, heard: Heard): Step {
  const theme = draw.one([decisions, decisions, attempts, attempts, changesOutside, changesOutside, shared]);
  return draw.one(theme)(draw, heard);
}

/** No store promises an order of what is live. */
const inOrder = (snapshot: OperationSnapshot | undefined) =>
  snapshot && Object.values(snapshot).map((part) => (part instanceof Map ? [...part].sort(([a], [b]) => (a < b ? -1 : 1)) : part));

/** Everything that can be read. */
export const readAll = async (store: Store): Promise<unknown> => ({
  live: await store.live(),
  list: await store.list({ limit: 10 }),
  expired: await store.expired(0, 0, 10),
  letters: await store.deadLetters(),
  workers: await store.workers(),
  spools: (await store.spools()).sort((a, b) => (a.name < b.name ? -1 : 1)),
  rooms: await Promise.all(
    ['s1', 's2'].map(async (spool) => (await store.reservations(spool)).sort((a, b) => (a.holder < b.holder ? -1 : 1))),
  ),
  permits: (await store.permits('p', T0)).sort((a, b) => (a.holder < b.holder ? -1 : 1)),
  operations: await Promise.all(
    OPERATIONS.map(async (id) => ({
      snapshot: inOrder(await store.load(id)),
      journal: await store.journal(id),
      done: (await store.done(id)).sort((a, b) => (a.id < b.id ? -1 : 1)),
      report: await store.report(id),
      picture: await store.picture(id),
      events: (await store.events(id, undefined, 100, 0)).map(({ id: _, ...rest }) => rest),
      checkpoints: await Promise.all(TASKS.map((task) => store.loadCheckpoint(id, task))),
    })),
  ),
});
