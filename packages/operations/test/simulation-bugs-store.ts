/** Faults planted into the store itself. Its calls take effect at once, so that looking before writing is still one step. */
import type { JournalEntry, Json, Store } from '@longshore/core';
import type { Bugs } from './simulation-bugs.ts';

export function breakStore(store: Store, bugs: Bugs): Store {
  const broken: Store = { ...store };
  if (bugs.has('outcome-unchecked'))
    broken.finish = async (id, task, outcome) => {
      const found = await store.load(id);
      const attempt = found?.attempts.get(task);
      return store.finish(id, task, attempt ? { ...outcome, generation: attempt.generation, round: attempt.round } : outcome);
    };
  if (bugs.has('claim-ignores-round'))
    broken.claim = async (id, task, round, worker, now) => {
      const found = await store.load(id);
      return store.claim(id, task, found?.tasks.get(task)?.round ?? round, worker, now);
    };
  const quiet = !bugs.has('quiet-ignored');
  if (!quiet) broken.releaseLeases = (id) => store.releaseLeases(id);
  if (bugs.has('before-overwritten')) keepLastBefore(store, broken);
  if (bugs.has('scopes-by-equality')) compareScopesWhole(store, broken);
  broken.commit = async (id, change) => {
    const header = structuredClone(change.header);
    if (bugs.has('commit-without-cas')) header.version = (await store.header(id))?.version ?? header.version;
    if (bugs.has('undo-too-early') && header.revert) delete header.quietUntil;
    const plan = structuredClone(change.plan);
    const last = plan?.stages.at(-1);
    if (bugs.has('undo-oldest-first') && last?.name === 'revert') last.tasks?.reverse();
    return store.commit(id, { ...change, header, ...(plan ? { plan } : {}), ...(change.release && !quiet ? { release: {} } : {}) });
  };
  return bugs.size === 0 ? store : broken;
}

function keepLastBefore(store: Store, broken: Store): void {
  const found = new Map<string, Json>();
  const nameOf = (id: string, { task, key }: JournalEntry): string => `${id} ${task} ${key}`;
  const last = (id: string, entry: JournalEntry): JournalEntry => ({ ...entry, before: found.get(nameOf(id, entry)) ?? entry.before });
  broken.writeJournal = async (id, task, generation, entry) => {
    if (entry.state === 'intent') found.set(nameOf(id, entry), entry.before);
    const kept = await store.writeJournal(id, task, generation, entry);
    return kept && last(id, kept);
  };
  broken.journal = async (id) => (await store.journal(id)).map((entry) => last(id, entry));
}

function compareScopesWhole(store: Store, broken: Store): void {
  const whole = <T extends { scope: string }>(lease: T): T => ({ ...lease, scope: `=${lease.scope}=` });
  broken.acquireLeases = (id, wanted, now) => store.acquireLeases(id, wanted.map(whole), now);
  broken.mayAct = (id, task, generation, held) => store.mayAct(id, task, generation, held.map(whole));
}
