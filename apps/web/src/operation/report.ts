/** The report as a table, and as files. */
import { count } from '../format.ts';
import { Card } from '../parts/small.ts';
import { type Content, html, useState } from '../vendor/preact.js';
import type { Report } from '../wire.ts';
import { csvOf } from './csv.ts';

const ROWS = 25;
const NOTES = 20;
/** Columns whose being other than zero is bad news. */
const BAD: ReadonlySet<string> = new Set(['missing', 'extra', 'different', 'lost', 'failed']);

const SIGNS = { info: '·', warning: '!', error: '✗' } as const;

export function ReportCard({ report, over }: { report: Report; over: boolean }): Content {
  const [all, setAll] = useState(false);
  const { columns, rows, totals, notes, notesDropped } = report;
  const shown = all ? rows : rows.slice(0, ROWS);
  const cell = (column: string, value: number | undefined): Content =>
    html`<td key=${column} class=${`num ${BAD.has(column) && (value ?? 0) !== 0 ? 'bad' : ''}`}>${BAD.has(column) && (value ?? 0) !== 0 ? '✗ ' : ''}${count(value ?? 0)}</td>`;
  const files = html`<span class="row">
    <button onClick=${() => save(`${report.operation}.json`, 'application/json', JSON.stringify(report, null, 2))}>JSON</button>
    <button onClick=${() => save(`${report.operation}.csv`, 'text/csv', csvOf(report))}>CSV</button>
  </span>`;
  return html`<${Card} wide=${true} title=${over ? 'Report' : 'Report so far'} name="report" aside=${files}>
    ${
      rows.length === 0
        ? html`<p class="soft">Nothing has been counted yet.</p>`
        : html`<div class="scroll" tabindex="0" aria-label="Report"><table>
          <thead><tr><th scope="col">row</th>${columns.map((column) => html`<th key=${column} scope="col" class="num">${column}</th>`)}</tr></thead>
          <tbody>
            ${shown.map(({ row, values }) => html`<tr key=${row}><th scope="row">${row}</th>${columns.map((column) => cell(column, values[column]))}</tr>`)}
          </tbody>
          ${rows.length > 1 ? html`<tfoot><tr><th scope="row">all ${count(rows.length)}</th>${columns.map((column) => cell(column, totals[column]))}</tr></tfoot>` : null}
        </table></div>`
    }
    ${rows.length > ROWS && !all ? html`<button class="quiet" onClick=${() => setAll(true)}>all ${count(rows.length)} rows</button>` : null}
    ${
      notes.length > 0
        ? html`<ul class="notes">
          ${notes.slice(0, NOTES).map(({ level, row, text }, at) => html`<li key=${at} class=${level === 'info' ? '' : level === 'error' ? 'bad' : 'wait'}><i class="sign" aria-hidden="true">${SIGNS[level]}</i> ${row ? html`<b>${row}</b>: ` : null}${text}</li>`)}
          ${notes.length + notesDropped > NOTES ? html`<li class="soft">and ${count(notes.length + notesDropped - NOTES)} more; the files have ${count(notes.length)} of them</li>` : null}
        </ul>`
        : null
    }
  </${Card}>`;
}

function save(name: string, type: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The download has begun when the click returns.
  URL.revokeObjectURL(url);
}
