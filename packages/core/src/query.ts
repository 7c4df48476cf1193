/** Which operations a list is to have. One predicate for every store, so that they cannot differ. */
import type { OperationQuery } from './ports.ts';
import type { OperationHeader } from './words.ts';

export function fits(header: OperationHeader, { states, kind, owner, text }: OperationQuery): boolean {
  if (states && !states.includes(header.state)) return false;
  if (kind && !(kind.endsWith('.') ? header.kind.startsWith(kind) : header.kind === kind)) return false;
  if (owner && header.owner !== owner) return false;
  if (!text) return true;
  const said = `${header.id} ${header.kind} ${header.owner} ${header.reason ?? ''} ${JSON.stringify(header.params)}`;
  return said.toLowerCase().includes(text.toLowerCase());
}
