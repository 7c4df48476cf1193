/** The store's part of the workers: attempts, their journal and their guards. */
import type { GuardRecord, JournalEntry, Json, OperationHeader, Order, Store, TaskRecord } from '@longshore/core';
import { SAMPLES_KEPT } from '@longshore/core';
import type { Base } from './base.ts';
import { leaseField, leasePrefix } from './leases.ts';
import { guardLine, outcomeLine, parse, parseLine, SEPARATOR } from './records.ts';

type AttemptCalls = Pick<
  Store,
  | 'claim'
  | 'beat'
  | 'shut'
  | 'finish'
  | 'saveCheckpoint'
  | 'loadCheckpoint'
  | 'show'
  | 'sample'
  | 'picture'
  | 'writeJournal'
  | 'journal'
  | 'openGuard'
  | 'endGuard'
  | 'mayAct'
>;

type ClaimReply = ['ended'] | ['unwanted'] | ['yours', generation: number, task: string, header: string, deaths: number, carried: string];

/** By way of JSON, as what is read back. */
const asStored = <T>(value: T): T => parse<T>(JSON.stringify(value));

function asSample(text: string): [at: number, value: number] {
  const [at, value] = text.split(':');
  return [Number(at), Number(value)];
}

export function attemptCalls({ redis, key, op, call }: Base): AttemptCalls {
  return {
    async claim(id, task, round, worker, now) {
      const reply = (await call('claim', [op(id)], [task, round, worker, now])) as ClaimReply;
      if (reply[0] !== 'yours') return { claim: reply[0] };
      const [claim, generation, line, header, deaths, carried] = reply;
      return {
        claim,
        generation,
        task: parseLine<TaskRecord>(line),
        header: parse<OperationHeader>(header),
        deaths,
        carried: carried === '' ? {} : parse<Record<string, number>>(carried),
      };
    },
    async beat(id, task, generation, now, progress) {
      const args = [task, generation, now, progress ? JSON.stringify(progress) : ''];
      const [state, order] = (await call('beat', [op(id)], args)) as ['superseded'] | ['go', Order | ''];
      if (state === 'superseded') return { state };
      return order ? { state, order } : { state };
    },
    async shut(id, task, generation, gate, carry) {
      const note = gate ? [gate.gate, gate.since, JSON.stringify(gate)] : [''];
      return (await call('shut', [op(id)], [task, generation, JSON.stringify(carry), ...note])) === 1;
    },
    finish: async (id, task, outcome) =>
      (await call('finish', [op(id)], [task, outcome.round, outcome.generation, outcomeLine(outcome)])) === 1,
    saveCheckpoint: async (id, task, generation, value) =>
      (await call('checkpoint', [op(id), op(id, 'checkpoints')], [task, generation, value])) === 1,
    loadCheckpoint: async (id, task) => (await redis.hget(op(id, 'checkpoints'), task)) ?? undefined,

    show: async (id, task, generation, name, json) =>
      (await call('show', [op(id), op(id, 'picture')], [task, generation, name, json])) === 1,
    sample: async (id, task, generation, series, at, value) =>
      (await call('sample', [op(id), op(id, 'picture')], [task, generation, series, `${at}:${value}`, SAMPLES_KEPT])) === 1,
    async picture(id) {
      const fields = Object.entries(await redis.hgetall(op(id, 'picture')));
      const named = (kind: string): [name: string, text: string][] =>
        fields.filter(([field]) => field.startsWith(kind)).map(([field, text]) => [field.slice(kind.length), text]);
      return {
        exhibits: Object.fromEntries(named('e:').map(([name, json]) => [name, parse<Json>(json)])),
        series: Object.fromEntries(named('s:').map(([name, text]) => [name, text.split(' ').slice(1).map(asSample)])),
      };
    },

    async writeJournal(id, task, generation, entry, again = false) {
      const state = again ? 'again' : entry.state;
      const args = [task, generation, entry.task + SEPARATOR + entry.key, state, JSON.stringify(entry)];
      const known = (await call('journal', [op(id), op(id, 'journal')], args)) as string | null;
      if (known === null) return undefined;
      return known === '' ? asStored(entry) : parseLine<JournalEntry>(known);
    },
    async journal(id) {
      const lines = await redis.hvals(op(id, 'journal'));
      return lines
        .map((line) => ({ place: Number.parseInt(line, 10), entry: parseLine<JournalEntry>(line) }))
        .sort((a, b) => a.entry.at - b.entry.at || a.place - b.place)
        .map(({ entry }) => entry);
    },

    async openGuard(id, task, generation, guard, replaces) {
      const other = replaces ? [replaces.key, guardLine(replaces)] : ['', ''];
      const args = [task, generation, leasePrefix(id, guard.target), guard.key, guardLine(guard), ...other];
      const reply = (await call('openGuard', [op(id), key('leases')], args)) as string;
      if (reply === 'superseded' || reply === 'ordered' || reply === 'lease') return { refused: reply };
      return { opened: reply === '' ? asStored(guard) : parseLine<GuardRecord>(reply) };
    },
    endGuard: async (id, task, generation, guard) =>
      (await call('endGuard', [op(id)], [task, generation, guard.key, guardLine(guard)])) === 1,
    async mayAct(id, task, generation, leases) {
      const held = leases.flatMap(({ target, scope, token }) => [leaseField(id, target, scope), token]);
      return (await call('mayAct', [op(id), key('leases')], [task, generation, ...held])) === 1;
    },
  };
}
