/** Which operations a list is to have. One predicate for every store, so that they cannot differ. */
import type { OperationQuery } from './ports.ts';
import type { OperationHeader } from './words.ts';

/** A place in the list of all operations, newest first; it stays where it is when the operation that stood there is forgotten. */
export interface ListPlace {
  createdAt: number;
  id: string;
}

const CURSOR = /^(\d{1,15})\.(.+)$/;

export function cursorOf({ createdAt, id }: ListPlace): string {
  return `${createdAt}.${id}`;
}

/** Undefined for what no list has given. */
export function placeOf(cursor: string): ListPlace | undefined {
  const [, createdAt, id] = CURSOR.exec(cursor) ?? [];
  return createdAt === undefined || id === undefined ? undefined : { createdAt: Number(createdAt), id };
}

/** Whether it comes later in the list; of two made in the same millisecond the greater id comes first. */
export function isBehind(one: ListPlace, place: ListPlace): boolean {
  return one.createdAt < place.createdAt || (one.createdAt === place.createdAt && one.id < place.id);
}

export function fits(header: OperationHeader, { states, kind, owner, text }: OperationQuery): boolean {
  if (states && !states.includes(header.state)) return false;
  if (kind && !(kind.endsWith('.') ? header.kind.startsWith(kind) : header.kind === kind)) return false;
  if (owner && header.owner !== owner) return false;
  if (!text) return true;
  const said = `${header.id} ${header.kind} ${header.owner} ${header.reason ?? ''} ${JSON.stringify(header.params)}`;
  return said.toLowerCase().includes(text.toLowerCase());
}
