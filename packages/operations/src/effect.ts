/**
 * How a handler changes something outside: observe → journal → lease → act → confirm. The journal is written before the target is
 * touched and ended after it was read back; the lease is checked right before the act; the confirmation is never skipped.
 */
import type { Confirming, GuardRecord, JournalEntry, Json, TaskContext } from '@longshore/core';
import type { AttemptScope } from './attempt-scope.ts';
import { canonicalJson } from './canonical.ts';
import { STALE_CHECK_MS } from './draft.ts';
import { GuardRefused, LeaseLost, NotConfirmed } from './errors.ts';
import { duration } from './explain.ts';

const CONFIRM_MS = 60_000;
const CONFIRM_PAUSE_MS = 100;
const MAX_CONFIRM_PAUSE_MS = 2_000;
/** What the log says of a guard behind what it is: `writes to temp are denied: no more`. */
const ENDED_AS: Readonly<Record<GuardRecord['state'], (by: string | undefined) => string>> = {
  open: () => 'it is open still',
  closed: () => 'no more',
  replaced: (by) => `no more${by === undefined ? '' : `; ${by}`}`,
  'handed-over': (by) => `still so, and left to ${by ?? 'a person'}`,
};
type Effects = Pick<TaskContext<unknown>, 'journal' | 'lease' | 'guard' | 'effect' | 'confirm'>;

export function effects(scope: AttemptScope): Effects {
  const { setup, header, task, generation, signal } = scope;
  const { store, clock } = setup;
  const { id } = header;
  /** An undo writes the entries of the task it takes back. */
  const owner = task.undoes ?? task.id;
  const undoing = task.undoes !== undefined;

  const write = async (entry: JournalEntry): Promise<JournalEntry> => {
    const kept = await store.writeJournal(id, task.id, generation, entry);
    if (!kept) scope.superseded();
    signal.throwIfAborted();
    return kept!;
  };
  const entries = async (of: string = owner): Promise<JournalEntry[]> => (await store.journal(id)).filter((entry) => entry.task === of);
  const intent: Effects['journal']['intent'] = (key, { what, before, after }) =>
    write({ task: owner, key, what, before, after, state: 'intent', generation, at: clock.now() });
  /** An undo has entries of its own, beside those of the task it takes back. */
  const intended: Effects['journal']['intent'] = (key, { what, before, after }) =>
    write({ task: task.id, key, what, before, after, state: 'intent', generation, at: clock.now() });
  const writeAgain = async (entry: JournalEntry): Promise<void> => {
    if (!(await store.writeJournal(id, task.id, generation, entry, true))) scope.superseded();
    signal.throwIfAborted();
  };
  const done = async (key: string): Promise<void> => {
    const entry = (await entries()).find((one) => one.key === key);
    if (!entry) throw new TypeError(`task ${task.id} ends the journal entry ${key}, which it never wrote`);
    await write({ ...entry, state: undoing ? 'undone' : 'done', generation, endedAt: clock.now() });
  };

  const assertHeld = async (): Promise<void> => {
    for (;;) {
      signal.throwIfAborted();
      const asked = clock.now();
      if (!(await store.mayAct(id, task.id, generation, header.leases ?? []))) {
        // Superseded or cancelled, as a rule: then this stops it for what it is.
        await scope.ask();
        signal.throwIfAborted();
        throw LeaseLost({ operation: id });
      }
      if (clock.now() - asked < STALE_CHECK_MS) return;
    }
  };

  const findGuard = async (key: string): Promise<GuardRecord | undefined> => (await store.load(id))?.guards.get(key);
  const endGuard = async (key: string, as: Partial<GuardRecord> & Pick<GuardRecord, 'state'>): Promise<void> => {
    const known = await findGuard(key);
    if (!known) throw new TypeError(`task ${task.id} ends the guard ${key}, which was never opened`);
    if (known.state !== 'open') return;
    if (!(await store.endGuard(id, task.id, generation, { ...known, ...as, endedAt: clock.now() }))) scope.superseded();
    signal.throwIfAborted();
    await store.addEvent(id, { at: clock.now(), type: 'guard', text: `${known.what}: ${ENDED_AS[as.state](as.by)}` });
  };

  const confirm: Effects['confirm'] = async (what, check, how = {}) => {
    const { deadlineMs = CONFIRM_MS, everyMs }: Confirming = typeof how === 'number' ? { deadlineMs: how } : how;
    const until = clock.now() + deadlineMs;
    for (let pause = CONFIRM_PAUSE_MS; ; pause = Math.min(MAX_CONFIRM_PAUSE_MS, pause * 2)) {
      const seen = await check();
      if (seen === true) return;
      const left = until - clock.now();
      const last = seen === false ? {} : { last: seen };
      if (left <= 0) throw NotConfirmed({ what, seconds: Math.round(deadlineMs / 1000), ...last });
      // The last look is at the deadline, not before it.
      await clock.sleep(Math.min(everyMs ?? pause, left), signal);
    }
  };

  return {
    journal: { intent, done, entries },
    lease: {
      assertHeld,
      token: (target) => {
        const lease = header.leases?.find((one) => one.target === target);
        if (!lease) throw new TypeError(`operation ${id} has no lease on ${target}`);
        return lease.token;
      },
    },
    guard: {
      async open({ replaces, heir, ...request }) {
        if (!Number.isFinite(request.maxMs) || request.maxMs <= 0) throw GuardRefused({ key: request.key, why: 'it has no greatest time' });
        // What would close it is looked at before it is opened: afterwards it would be too late.
        const closing = setup.registry.tasks.get(request.close.task);
        if (!closing?.params.safeParse(request.close.params).success)
          throw GuardRefused({ key: request.key, why: `${request.close.task} with these parameters could not close it` });
        const guard: GuardRecord = { ...request, openedAt: clock.now(), state: 'open', ...(heir === undefined ? {} : { heir }) };
        const before = replaces === undefined ? undefined : await findGuard(replaces);
        const ended: GuardRecord | undefined =
          before?.state === 'open' ? { ...before, state: 'replaced', by: request.key, endedAt: clock.now() } : undefined;
        const answer = await store.openGuard(id, task.id, generation, guard, ended);
        if ('opened' in answer) {
          // So that its end is waited for from now on, not from the next sweep.
          await setup.transport.ring(id);
          if (answer.opened.openedAt === guard.openedAt)
            await store.addEvent(id, { at: clock.now(), type: 'guard', text: `${guard.what}: from now, at most ${duration(guard.maxMs)}` });
          return answer.opened;
        }
        if (answer.refused === 'lease') throw GuardRefused({ key: request.key, why: `the operation has no lease on ${request.target}` });
        if (answer.refused === 'superseded') scope.superseded();
        else scope.handBack();
        signal.throwIfAborted();
        throw LeaseLost({ operation: id });
      },
      find: findGuard,
      close: (key) => endGuard(key, { state: 'closed' }),
      async handOver(key) {
        const known = await findGuard(key);
        if (known?.state === 'open' && known.heir === undefined) throw GuardRefused({ key, why: 'nobody had agreed to take it over' });
        await endGuard(key, { state: 'handed-over', ...(known?.heir === undefined ? {} : { by: known.heir }) });
      },
      replaced: (key, by) => endGuard(key, { state: 'replaced', by }),
    },
    confirm,
    async effect({ key, what, observe, wanted, act, deadlineMs = CONFIRM_MS, everyMs, always }) {
      const isSo = (seen: Json): boolean => canonicalJson(seen) === canonicalJson(wanted);
      const seen = await observe();
      const entry = await intended(key, { what, before: seen, after: wanted });
      let known: (() => void) | undefined;
      // Where it is so already, somebody else may have made it so who has the lease by now.
      if (isSo(seen) && !always) await assertHeld();
      else {
        // Done before and to be done once more (tried again by hand): that stands in the journal first, too, beside what was found then.
        if (entry.state !== 'intent') await writeAgain({ ...entry, what, after: wanted, state: 'intent', generation, at: clock.now() });
        await setup.at?.(`${task.task}/${key}`, 'before');
        await assertHeld();
        known = scope.sending(clock.now());
        await act();
        await setup.at?.(`${task.task}/${key}`, 'after');
      }
      const look = async (): Promise<boolean | string> => {
        const last = await observe();
        return isSo(last) || JSON.stringify(last);
      };
      await confirm(what, look, { deadlineMs, ...(everyMs === undefined ? {} : { everyMs }) });
      known?.();
      if (undoing) await write({ ...entry, what, after: wanted, state: 'done', generation, endedAt: clock.now() });
      if (!undoing || (await entries()).some((one) => one.key === key)) await done(key);
      return entry.before as typeof wanted;
    },
  };
}
