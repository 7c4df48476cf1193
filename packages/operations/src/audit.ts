/** What the fleet does by itself is in the audit log, too, beside what people ask of it. */
import type { Change } from '@longshore/core';
import { auditText } from '@longshore/core';
import type { Engine } from './engine.ts';

/** Events of a decision that nobody asked for. The others are what somebody did, or only tell how far it is. */
const AUTOMATIC: ReadonlySet<string> = new Set(['guard', 'deadline', 'attention']);

type Auditor = Pick<Engine, 'store' | 'clock' | 'log'>;

/** After the commit: a decision that was not carried out is not told. */
export async function auditDecision(engine: Auditor, operation: string, { events = [] }: Change): Promise<void> {
  for (const { type, text } of events) if (AUTOMATIC.has(type)) await auditFleet(engine, `engine.${type}`, operation, text);
}

/** What was done is not undone because the log is away: the process's own log has it then. */
export async function auditFleet({ store, clock, log }: Auditor, what: string, operation: string, text: string): Promise<void> {
  const entry = { at: clock.now(), who: 'longshore', what, operation, reason: auditText(text), result: 'done' as const };
  try {
    await store.audit(entry);
  } catch (error) {
    log.error({ err: error, entry }, 'the audit log could not be written');
  }
}
