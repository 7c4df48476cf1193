/** The text of `explain`, set for reading: what is so first, commands as they are typed, the next one at the end. */
import { Card } from '../parts/small.ts';
import { type Content, html } from '../vendor/preact.js';
import { type Paragraph as Lines, paragraphs } from './paragraphs.ts';

export function Explained({ text }: { text: string | undefined }): Content {
  return html`<${Card} title="What is happening" name="explain">
    <div class="explain">${text === undefined ? html`<p class="soft">…</p>` : paragraphs(text).map((one, at) => html`<${Paragraph} key=${at} paragraph=${one} first=${at === 0} />`)}</div>
  </${Card}>`;
}

function Paragraph({ paragraph: { lines, items }, first }: { paragraph: Lines; first: boolean }): Content {
  return html`
    ${lines.map((line, at) => html`<p key=${at} class=${line.startsWith('Next: ') ? 'next' : ''}>${first && at === 0 ? html`<b>${withCode(line)}</b>` : withCode(line)}</p>`)}
    ${items.length > 0 ? html`<ul>${items.map((item) => html`<li key=${item}>${withCode(item)}</li>`)}</ul>` : null}
  `;
}

/** What stands between backticks is typed. */
function withCode(text: string): Content {
  return text.split('`').map((part, at) => (at % 2 === 1 ? html`<code key=${at}>${part}</code>` : part));
}
