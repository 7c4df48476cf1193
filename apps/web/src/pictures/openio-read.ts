/** What an OpenIO operation keeps for its picture, read as something that may be older or newer than this code. Pure. */
import type { DoneRecord, Json } from '../wire.ts';

export interface Bar {
  service: string;
  before: number;
  target: number;
  after: number;
  /** By the moves that have ended well. */
  now: number;
}

export interface DrawnMember {
  id: string;
  state: string;
  /** Master it follows. */
  follows: string | undefined;
  peers: string[] | undefined;
  tone: 'ok' | 'busy' | 'idle' | 'bad';
  word: string;
}

export interface DrawnElection {
  name: string;
  members: DrawnMember[];
  problems: string[];
}

type Fields = { [key: string]: Json };
const fields = (value: Json | undefined): Fields => (typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {});
const list = (value: Json | undefined): Json[] => (Array.isArray(value) ? value : []);
const text = (value: Json | undefined): string | undefined => (typeof value === 'string' ? value : undefined);
const number = (value: Json | undefined): number => (typeof value === 'number' ? value : 0);
const texts = (value: Json | undefined): string[] => list(value).flatMap((one) => text(one) ?? []);

/** Sets before and after of the moves that have ended well. */
export function movedOf(done: readonly DoneRecord[]): { before: string[]; after: string[] }[] {
  return done
    .filter(({ result, task }) => result === 'ok' && (task === 'openio.move' || task === 'openio.retire'))
    .map(({ output }) => ({ before: texts(fields(output).before), after: texts(fields(output).after) }));
}

export function barsOf(data: Json, moved: readonly { before: string[]; after: string[] }[]): Bar[] {
  const change = new Map<string, number>();
  for (const { before, after } of moved) {
    for (const id of before) change.set(id, (change.get(id) ?? 0) - 1);
    for (const id of after) change.set(id, (change.get(id) ?? 0) + 1);
  }
  return list(fields(data).bars).flatMap((one) => {
    const { service, before, target, after } = fields(one);
    const id = text(service);
    if (id === undefined) return [];
    return [
      { service: id, before: number(before), target: number(target), after: number(after), now: number(before) + (change.get(id) ?? 0) },
    ];
  });
}

export function electionOf(shown: Json | undefined): DrawnElection | undefined {
  const { name, hosts, incoming, outgoing, members, problems } = fields(shown);
  const drawn = list(members).flatMap((one): DrawnMember[] => {
    const { id, state, peers, master } = fields(one);
    const url = text(id);
    const now = text(state) ?? 'none';
    if (url === undefined) return [];
    const away = now === 'none' || now === 'NONE';
    // Of the others only those matter that take part, or have just gone.
    if (away && !texts(hosts).includes(url) && url !== text(outgoing)) return [];
    const role = url === text(incoming) ? ', joins' : url === text(outgoing) ? ', goes' : '';
    return [
      {
        id: url,
        state: now,
        follows: text(master),
        peers: Array.isArray(peers) ? texts(peers) : undefined,
        tone: now === 'MASTER' || now === 'SLAVE' ? 'ok' : now.includes('FAIL') ? 'bad' : away ? 'idle' : 'busy',
        word: `${WORDS[now] ?? now.toLowerCase().replaceAll('_', ' ')}${role}`,
      },
    ];
  });
  const title = text(name);
  return title === undefined || drawn.length === 0 ? undefined : { name: title, members: drawn, problems: texts(problems) };
}

const WORDS: Readonly<Record<string, string>> = {
  MASTER: 'master',
  SLAVE: 'slave',
  NONE: 'has left',
  none: 'takes no part',
  SYNCING: 'takes the base',
  FAILED: 'failed',
  LEAVING_FAILING: 'failing',
};
