/**
 * The Lua scripts of the store: each is one step that happens wholly or not at all.
 *
 * An operation is the hash `op:<id>` with the fields
 *   header, version, order    written by `commit` only; `order` is what workers are told, or ''
 *   notesDropped              written by `commit` only
 *   t:<task>                  `state round closes` and the task record; written by `commit` only; `closes` is 1 when it closes a guard
 *   generation                the last generation given, over all tasks
 *   a:<task>                  `round generation startedAt worker` of the last attempt
 *   s:<task>                  when it was last seen, ms; 0 when it gave the task back
 *   d:<task>                  deliveries of the present round that were lost
 *   y:<task>                  what attempts that gave the task back had counted, JSON
 *   p:<task>                  its progress, JSON
 *   w:<task>                  `gate since` and the note of the gate it waits for
 *   o:<task>                  `round` and its outcome
 *   g:<key>                   `state` and the record of a guard
 * Beside it lie `op:<id>:plan` (a string: large and seldom read), `:checkpoints` (a hash by task: the scheduler does not read them),
 * `:picture` (a hash of `e:<name>` to an exhibit, and of `s:<series>` to how many numbers it has and each as `at:value`),
 * `:done`, `:rows` (hashes), `:notes` (a list), `:events` (a stream), `:journal` (a hash; each value `place` and the entry, the place
 * being the number of entries before it), `:given` (a set of the leases it ever had, named as in `leases`) and `:agreed` (a hash of facts
 * to what was given of each first).
 *
 * Of the fleet: `live` (operations by the time they were made), `resting` (those at rest, by their last change), `all`;
 * `leases`, a hash of `["operation","target","scope"]` to `token`, or `token freeAt` once it is quiet; `token`, the last one;
 * `given:<target>`, a hash of `["scope","operation"]` to the token of the last lease it had of that; `tokens`, a hash of names to what is
 * known of the token of the API; `audit`, a stream of JSON that nothing is ever taken from.
 *
 * Records are JSON. What scripts look at stands before it, so that nothing is decoded on the way of every task, and nothing is ever
 * encoded in Lua (an empty list would come back as an object).
 */
import { createHash } from 'node:crypto';
import { beat, checkpoint, claim, finish, sample, show, shut } from './scripts/attempt.ts';
import { commit, create, event, remove } from './scripts/operation.ts';
import { acquire, endGuard, journal, mayAct, openGuard, release } from './scripts/safety.ts';
import { agree, exhume, permit, reserve } from './scripts/shared.ts';

export type ScriptName =
  | 'create'
  | 'commit'
  | 'event'
  | 'remove'
  | 'claim'
  | 'beat'
  | 'shut'
  | 'finish'
  | 'checkpoint'
  | 'show'
  | 'sample'
  | 'journal'
  | 'openGuard'
  | 'endGuard'
  | 'mayAct'
  | 'acquire'
  | 'release'
  | 'reserve'
  | 'permit'
  | 'agree'
  | 'exhume';

export const SCRIPTS: Readonly<Record<ScriptName, string>> = {
  create,
  commit,
  event,
  remove,
  claim,
  beat,
  shut,
  finish,
  checkpoint,
  show,
  sample,
  journal,
  openGuard,
  endGuard,
  mayAct,
  acquire,
  release,
  reserve,
  permit,
  agree,
  exhume,
};

/** By which the server knows a script that it has seen. */
export const SHAS: Readonly<Record<ScriptName, string>> = Object.fromEntries(
  Object.entries(SCRIPTS).map(([name, lua]) => [name, createHash('sha1').update(lua).digest('hex')]),
) as Record<ScriptName, string>;
