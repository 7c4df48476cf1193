/** The event log, newest first. */
import { type Drawn, memo } from '../parts/memo.ts';
import { Card, isState, stateSign, stateWord, When, withCode } from '../parts/small.ts';
import { useEvents } from '../stream.ts';
import { type Content, html, useEffect, useState } from '../vendor/preact.js';
import type { OperationEvent } from '../wire.ts';

const SHOWN = 60;

const SIGNS: Readonly<Record<string, { sign: string; tone: string }>> = {
  'task-failed': { sign: '✗', tone: 'bad' },
  'task-retried': { sign: '↻', tone: 'wait' },
  gate: { sign: '‖', tone: 'wait' },
  guard: { sign: '◈', tone: 'wait' },
  approval: { sign: '?', tone: 'wait' },
  intent: { sign: '→', tone: 'busy' },
  state: { sign: '●', tone: 'busy' },
  attention: { sign: '!', tone: 'bad' },
};

const Line = memo<{ event: OperationEvent }>(({ event: { at, type, text } }) => {
  const known = type === 'state' && isState(text) ? text : undefined;
  const { sign, tone } = known ? stateSign(known) : (SIGNS[type] ?? { sign: '·', tone: 'idle' });
  return html`<li><${When} at=${at} /><i class=${`sign ${tone}`} role="img" aria-label=${type} title=${type}>${sign}</i><span>${known ? html`<b>${stateWord(known)}</b>` : withCode(text)}</span></li>`;
});

const STATE_WORDS = { live: '● live', lost: '‖ broken off, trying again', ended: '■ ended' } as const;

interface EventLogProps {
  id: string;
  over: boolean;
  wide: boolean;
  /** Called when something has happened; always the same function. */
  heard(): void;
}

/** Follows the events by itself: a storm of them draws this card again, and not the page. */
export const EventLog: Drawn<EventLogProps> = memo<EventLogProps>((props) => html`<${Log} ...${props} />`);

function Log({ id, over, wide, heard }: EventLogProps): Content {
  const { events, state } = useEvents(id, over);
  const newest = events[0]?.id;
  useEffect(() => {
    if (newest !== undefined) heard();
  }, [newest]);
  const [all, setAll] = useState(false);
  const shown = all ? events : events.slice(0, SHOWN);
  return html`<${Card} wide=${wide} title="Events" name="events" aside=${html`<span class="soft" role="status">${STATE_WORDS[state]}</span>`}>
    <ol class="log" tabindex="0" aria-label="Events, newest first">
      ${shown.map((event) => html`<${Line} key=${event.id} event=${event} />`)}
    </ol>
    ${events.length === 0 ? html`<p class="soft">Nothing yet.</p>` : null}
    ${events.length > SHOWN && !all ? html`<button class="quiet" onClick=${() => setAll(true)}>all ${events.length}</button>` : null}
  </${Card}>`;
}
