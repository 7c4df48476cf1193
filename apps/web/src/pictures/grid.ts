/** The units of a bulk stage as a grid. A row is drawn again only when one of its cells has changed. */
import { capital, count, plural } from '../format.ts';
import { memo } from '../parts/memo.ts';
import { Card } from '../parts/small.ts';
import { type Content, html } from '../vendor/preact.js';
import type { StageSpec, StageState, StoredPlan, TaskView } from '../wire.ts';
import { CELLS, type Cell, cellsOf, layOut, rulerOf, tallyOf, windowName, windowsOf } from './units.ts';

/** The kind's own names for a unit and for what may become of one. */
export interface GridWords {
  one: string;
  many: string;
  cells: Partial<Record<Cell, string>>;
}

const PLAIN: GridWords = { one: 'task', many: 'tasks', cells: {} };

interface GridRowProps {
  label: string;
  cells: string;
  columns: number;
  words: GridWords;
  /** Name of the cell at a place of this row; it never changes for a row. */
  nameOf(place: number): string;
}

const GridRow = memo<GridRowProps>(
  ({ label, cells, columns, words, nameOf }) => {
    const word = (cell: Cell): string => words.cells[cell] ?? CELLS[cell].word;
    const said = [...tallyOf(cells)].map(([cell, number]) => `${number} ${word(cell)}`).join(', ');
    return html`<span class="grid-label" aria-hidden="true">${label}</span>
      <div class="grid-row" role="img" aria-label=${`${label}: ${said}`} style=${{ gridTemplateColumns: `repeat(${columns}, minmax(3px, 1fr))` }}>
        ${[...cells].map((cell, at) =>
          cell === ' '
            ? html`<i key=${at} class="cell none"></i>`
            : html`<i key=${at} class=${`cell ${cell}`} title=${`${nameOf(at)}: ${word(cell as Cell)}`}>${CELLS[cell as Cell].sign}</i>`,
        )}
      </div>`;
  },
  (before, now) => before.cells === now.cells && before.label === now.label && before.columns === now.columns,
);

export interface GridProps {
  plan: StoredPlan;
  spec: StageSpec;
  stage: StageState;
  tasks: readonly TaskView[];
  failed: ReadonlySet<number>;
  over: boolean;
  words?: GridWords | undefined;
  /** Said beside the number of its units. */
  beside?: string | undefined;
}

export function Grid({ plan, spec, stage, tasks, failed, over, words = PLAIN, beside }: GridProps): Content {
  const windows = windowsOf(plan, spec);
  const live = tasks.filter(({ unit }) => unit !== undefined);
  const cells = cellsOf(stage, spec, stage.state === 'running' ? live : [], failed, over);
  const only = spec.bulk?.only;
  const { rows, columns, each } = layOut(cells, windows, only);
  const tally = tallyOf(cells);
  const word = (cell: Cell): string => words.cells[cell] ?? CELLS[cell].word;
  const nameOf =
    (row: { first: number }) =>
    (place: number): string => {
      const first = (row.first + place) * each;
      if (each > 1) return `${count(first + 1)} to ${count(Math.min(first + each, cells.length))}`;
      const unit = only?.[first] ?? first;
      return windows ? windowName(windows, unit) : `number ${count(unit + 1)}`;
    };
  const ruler = rulerOf(windows, columns, each > 1 || only !== undefined);
  const shown = (['v', 's', 'r', 'd', 'w', 'q', 'p', 'f', 'n'] as const).filter((cell) => tally.has(cell));
  return html`<${Card} wide=${true} title=${capital(spec.title)} name="grid" aside=${html`<span class="soft">${plural(cells.length, words.one, words.many)}${each > 1 ? `, ${each} to a cell` : ''}${beside === undefined ? '' : `, ${beside}`}</span>`}>
    <div class="grid" data-cells=${cells.length}>
      ${ruler.length > 0 ? html`<span class="grid-label" aria-hidden="true">UTC</span><div class="grid-row ruler" aria-hidden="true" style=${{ gridTemplateColumns: `repeat(${columns}, minmax(3px, 1fr))` }}>${ruler.map(({ text, column, span }) => html`<span key=${column} style=${{ gridColumn: `${column} / span ${span}` }}>${text}</span>`)}</div>` : null}
      ${rows.map((row) => html`<${GridRow} key=${row.first} label=${row.label} cells=${row.cells} columns=${columns} words=${words} nameOf=${nameOf(row)} />`)}
    </div>
    <ul class="key">
      ${shown.map((cell) => html`<li key=${cell}><i class=${`cell ${cell}`} aria-hidden="true">${CELLS[cell].sign}</i>${word(cell)} <b>${count(tally.get(cell) ?? 0)}</b></li>`)}
    </ul>
  </${Card}>`;
}
