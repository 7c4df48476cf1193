/** The text of `explain`, set for reading: what is so first, commands as they are typed, the next one at the end. */
import { Card } from '../parts/small.ts';
import { type Content, html } from '../vendor/preact.js';
import { type Line, paragraphs } from './paragraphs.ts';

export function Explained({ text }: { text: string | undefined }): Content {
  return html`<${Card} title="What is happening" name="explain">
    <div class="explain">${text === undefined ? html`<p class="soft">…</p>` : paragraphs(text).map((one, at) => html`<${Paragraph} key=${at} paragraph=${one} first=${at === 0} />`)}</div>
  </${Card}>`;
}

function Paragraph({ paragraph, first }: { paragraph: Line[]; first: boolean }): Content {
  return paragraph.map(({ text, item }, at) => {
    const look = item ? 'item' : text.startsWith('Next: ') ? 'next' : '';
    return html`<p key=${at} class=${look}>${first && at === 0 ? html`<b>${withCode(text)}</b>` : withCode(text)}</p>`;
  });
}

/** What stands between backticks is typed. */
function withCode(text: string): Content {
  return text.split('`').map((part, at) => (at % 2 === 1 ? html`<code key=${at}>${part}</code>` : part));
}
