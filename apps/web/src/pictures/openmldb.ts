/** Who holds what: tablets down, tables across, replicas and of these the leaders, before and after. Then each partition that changes, with its state. */
import { count } from '../format.ts';
import { Card } from '../parts/small.ts';
import { type Content, html } from '../vendor/preact.js';
import type { Cell, Change, Count, Placement } from './openmldb-read.ts';
import { drawnFrom, together } from './openmldb-read.ts';
import type { Picture, PictureProps } from './picture.ts';

/** More rows than that nobody reads; the report has them all. */
const MOST_CHANGES = 200;

export const openmldbPicture: Picture = {
  kinds: 'openmldb.',
  draw(props) {
    const drawn = drawnFrom(props.plan.data);
    if (!drawn || drawn.tablets.length === 0) return null;
    return html`<${Card} wide=${true} title="Who holds what" name="matrix" aside=${html`<span class="soft">replicas, of these leaders in brackets</span>`}>
      <div class="scroll">
        <table class="matrix">
          <thead><tr><th scope="col">tablet</th>${drawn.tables.map((name) => html`<th scope="col" key=${name}>${name}</th>`)}<th scope="col">together</th></tr></thead>
          <tbody>
            ${drawn.tablets.map(
              ({ endpoint, healthy }, row) => html`<tr key=${endpoint}>
                <th scope="row">${endpoint}${healthy ? null : html` <span class="soft">away</span>`}</th>
                ${drawn.tables.map((name, column) => html`<td key=${name}>${cell(drawn.cells[row]?.[column])}</td>`)}
                <td>${cell(together(drawn.cells[row] ?? []))}</td>
              </tr>`,
            )}
          </tbody>
        </table>
      </div>
      ${drawn.tablesLeftOut > 0 ? html`<p class="soft">${count(drawn.tablesLeftOut)} tables of which nothing changes are not shown.</p>` : null}
      ${changes(drawn.changes, props)}
    </${Card}>`;
  },
};

function cell(value: Cell | undefined): Content {
  if (!value) return '';
  const [before, after] = [shown(value.before), shown(value.after)];
  return before === after ? before : html`${before} <span aria-label="becomes">→</span> <b>${after}</b>`;
}

function shown([replicas, leaders]: Count): string {
  return replicas === 0 ? '–' : `${replicas} (${leaders})`;
}

function changes(all: readonly Change[], { tasks, done, started }: PictureProps): Content {
  if (all.length === 0) return html`<p class="soft">Nothing has to change.</p>`;
  const ended = new Map(done.map(({ id, result }) => [id, result]));
  const live = new Map(tasks.map((task) => [task.id, task.state]));
  const state = ({ db, table, tid, pid }: Change): string => {
    const id = `settle-${db}.${table}-${tid}-${pid}`;
    const result = ended.get(id);
    if (result !== undefined) return result === 'ok' ? '✓ done' : `✗ ${result}`;
    if (live.get(id) === 'running') return '▶ under way';
    return started ? '○ to come' : '◇ planned';
  };
  return html`<div class="scroll"><table class="matrix">
    <thead><tr><th scope="col">partition</th><th scope="col">before</th><th scope="col">after</th><th scope="col">state</th></tr></thead>
    <tbody>${all.slice(0, MOST_CHANGES).map(
      (change) => html`<tr key=${`${change.tid}-${change.pid}`}>
        <th scope="row">${change.db}.${change.table}/${change.pid}</th>
        <td>${placement(change.before)}</td>
        <td>${placement({ ...change.goal, leader: change.goal.leader ?? change.before.leader })}</td>
        <td>${state(change)}</td>
      </tr>`,
    )}</tbody>
  </table></div>
  ${all.length > MOST_CHANGES ? html`<p class="soft">and ${count(all.length - MOST_CHANGES)} more partitions.</p>` : null}`;
}

/** The leader first, and marked. */
function placement({ replicas, leader }: Placement): Content {
  const others = replicas.filter((endpoint) => endpoint !== leader);
  return html`${leader === null ? null : html`<b title="leads">★ ${leader}</b>`}${others.length > 0 ? `${leader === null ? '' : ', '}${others.join(', ')}` : null}`;
}
