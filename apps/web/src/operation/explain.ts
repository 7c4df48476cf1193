/** The text of `explain`, set for reading: what is so first, commands as they are typed, the next one at the end. */
import { isFinal } from '../may.ts';
import { Card, stateTone, withCode } from '../parts/small.ts';
import { type Content, html } from '../vendor/preact.js';
import type { OperationHeader } from '../wire.ts';
import { type Line, paragraphs } from './paragraphs.ts';

export function Explained({ text, header, wide }: { text: string | undefined; header: OperationHeader; wide: boolean }): Content {
  const { state, error, attention } = header;
  // The head of the page has them already, and louder.
  const said = [error, attention?.error].flatMap((one) => (one ? [one.message, one.fix] : []));
  return html`<${Card} wide=${wide} title=${isFinal(state) ? 'What happened' : 'What is happening'} name="explain">
    <div class=${`explain ${error && !isFinal(state) ? 'bad' : stateTone(state)}`}>${text === undefined ? html`<p class="soft">…</p>` : paragraphs(text, said).map((one, at) => html`<${Paragraph} key=${at} paragraph=${one} first=${at === 0} />`)}</div>
  </${Card}>`;
}

function Paragraph({ paragraph, first }: { paragraph: Line[]; first: boolean }): Content {
  return paragraph.map(({ text, item }, at) => {
    const look = item ? 'item' : text.startsWith('Next: ') ? 'next' : '';
    const loud = (first && at === 0) || text === 'Right now:';
    return html`<p key=${at} class=${look}>${loud ? html`<b>${withCode(text)}</b>` : withCode(text)}</p>`;
  });
}
