/** Which buttons a person gets: by what the state allows and by what the role may. The API has the last word on both. */
import type { GuardRecord, OperationHeader, OperationState } from './wire.ts';

/** Each may do what those before it may. */
export const ROLES = ['viewer', 'operator', 'approver', 'admin'] as const;
export type Role = (typeof ROLES)[number];

export type Action =
  | 'start'
  | 'replan'
  | 'approve'
  | 'pause'
  | 'resume'
  | 'retry'
  | 'drain'
  | 'finish'
  | 'revert'
  | 'take-over'
  | 'discard'
  | 'cancel';

const FINAL: ReadonlySet<OperationState> = new Set(['discarded', 'succeeded', 'failed', 'cancelled', 'reverted']);

export function isFinal(state: OperationState): boolean {
  return FINAL.has(state);
}

/** What may be asked of it now, the most likely first. */
export function actionsOf(header: OperationHeader, guards: readonly GuardRecord[]): Action[] {
  const { state, mode, intent, ending, revert } = header;
  const stopping = revert ? revert.stopped !== undefined : intent === 'cancel' || ending !== undefined;
  const endless = header.stages[header.stage]?.endless === true && header.finish === undefined;
  const rest = intent === 'pause' ? 'resume' : 'pause';
  const finish: Action[] = endless && !stopping ? ['finish'] : [];
  switch (state) {
    case 'submitted':
      return [rest, 'cancel'];
    case 'planned':
      return mode === 'plan' ? ['start', 'replan', 'discard'] : [rest, 'discard'];
    case 'awaiting-approval':
      return ['approve', rest, 'cancel'];
    case 'running':
      if (stopping) return [];
      if (intent === 'pause') return ['resume', 'cancel'];
      return intent === 'drain' ? ['cancel'] : [...finish, 'pause', 'drain', 'cancel'];
    case 'paused':
      if (stopping) return [];
      return revert ? ['resume', 'cancel'] : ['resume', 'drain', 'cancel'];
    case 'needs-attention': {
      const open = guards.some((guard) => guard.state === 'open');
      return ['retry', ...(open ? (['take-over'] as const) : []), ...(stopping ? [] : (['cancel'] as const))];
    }
    case 'failed':
      // What never started has changed nothing, and has no stage to go on at.
      if (revert) return ['revert'];
      return header.startedAt === undefined ? [] : ['retry', 'revert'];
    case 'succeeded':
    case 'cancelled':
      return header.startedAt === undefined ? [] : ['revert'];
    case 'reverting':
      if (revert?.stopped) return [];
      return intent === 'pause' ? ['resume', 'cancel'] : ['retry', 'pause', 'cancel'];
    default:
      return [];
  }
}

const includes = (role: Role, least: Role): boolean => ROLES.indexOf(role) >= ROLES.indexOf(least);

export function mayAct(role: Role, action: Action): boolean {
  if (action === 'approve') return includes(role, 'approver');
  return includes(role, action === 'take-over' ? 'admin' : 'operator');
}

export function maySubmit(role: Role): boolean {
  return includes(role, 'operator');
}

/** Drains the fleet, opens it again, reads the audit log. */
export function mayRunFleet(role: Role): boolean {
  return includes(role, 'admin');
}
