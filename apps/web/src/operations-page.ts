/** All operations, newest first, with how far they are. */
import { aboutOf } from './about.ts';
import { call } from './api.ts';
import { count, duration, roughly, short } from './format.ts';
import { maySubmit } from './may.ts';
import { Bar, ErrorBox, Silence, Since, StateChip, stateWord } from './parts/small.ts';
import { usePoll } from './poll.ts';
import { progressOf, type Sample, speedOf } from './progress.ts';
import { linkTo } from './route.ts';
import { type Content, html, useRef, useState } from './vendor/preact.js';
import type { ListFilter, Me, OperationHeader, OperationState } from './wire.ts';

const PAGE = 50;
const POLL_MS = 2_000;
const SAMPLES_KEPT = 60;

const FILTERS: readonly { name: string; label: string; states: readonly OperationState[] }[] = [
  { name: 'all', label: 'All', states: [] },
  {
    name: 'live',
    label: 'Under way',
    states: ['submitted', 'running', 'paused', 'awaiting-approval', 'reverting', 'needs-attention'],
  },
  { name: 'you', label: 'Waits for you', states: ['planned', 'awaiting-approval', 'paused', 'needs-attention'] },
  { name: 'bad', label: 'Went wrong', states: ['failed', 'needs-attention', 'cancelled'] },
  { name: 'done', label: 'Done', states: ['succeeded', 'reverted', 'discarded'] },
];

interface Page {
  operations: OperationHeader[];
  next?: string;
}

export function OperationsPage({ me }: { me: Me }): Content {
  const [filter, setFilter] = useState('all');
  const [words, setWords] = useState('');
  const [pages, setPages] = useState(1);
  const states = FILTERS.find(({ name }) => name === filter)?.states ?? [];
  // The API looks for one text; what else was typed is looked for in what it found.
  const [text] = words.split(/\s+/).toSorted((a, b) => b.length - a.length);
  const { value, error, silentSince } = usePoll<Page>(
    (signal) => list({ state: [...states], text: text || undefined }, pages, signal),
    POLL_MS,
    [filter, text, pages],
  );
  const speeds = useSpeeds(value?.operations ?? []);
  const found = (value?.operations ?? []).filter((header) => matches(header, words));
  const empty = value && value.operations.length === 0 && filter === 'all' && words === '';
  return html`
    <section class="card wide" data-card="operations">
      <div class="row page-head">
        <h1>Operations</h1>
        ${maySubmit(me.role) ? html`<a class="button solid right" href=${linkTo('submit')}>Submit one</a>` : null}
      </div>
      <${Silence} since=${silentSince} error=${error} />
      ${error && !value ? html`<${ErrorBox} error=${error} />` : null}
      ${
        empty
          ? html`<${Empty} me=${me} />`
          : html`<div class="row tools">
              <div class="segments" role="group" aria-label="Which">
                ${FILTERS.map(
                  ({ name, label }) =>
                    html`<button key=${name} aria-pressed=${filter === name} onClick=${() => setFilter(name)}>${label}</button>`,
                )}
              </div>
              <label class="grow search"
                ><span class="hidden">Search</span>
                <input
                  type="search"
                  placeholder="Search id, kind, owner, reason, target"
                  value=${words}
                  onInput=${(event: { currentTarget: HTMLInputElement }) => setWords(event.currentTarget.value)}
                />
              </label>
            </div>
            ${found.length > 0 ? html`<${Table} operations=${found} speeds=${speeds} />` : null}
            ${value && found.length === 0 ? html`<p class="soft">None fits${value.next ? ' among those that were looked at' : ''}.</p>` : null}
            ${value?.next ? html`<p><button onClick=${() => setPages(pages + 1)}>Show older ones</button></p>` : null}`
      }
    </section>
  `;
}

async function list(filter: ListFilter, pages: number, signal: AbortSignal): Promise<Page> {
  const operations: OperationHeader[] = [];
  let next: string | undefined;
  for (let page = 0; page < pages; page += 1) {
    const found = await call('GET /v1/operations', { query: { ...filter, limit: PAGE, cursor: next } }, { signal });
    operations.push(...found.operations);
    next = found.next;
    if (next === undefined) break;
  }
  return { operations, ...(next === undefined ? {} : { next }) };
}

function matches(header: OperationHeader, words: string): boolean {
  const text = `${header.id} ${header.kind} ${header.owner} ${header.reason ?? ''} ${stateWord(header.state)} ${JSON.stringify(header.params)}`;
  return words
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.toLowerCase().includes(word));
}

interface Speed {
  text: string;
  leftMs?: number;
}

/** Speeds from one asking to the next, kept while the page is open. */
function useSpeeds(operations: readonly OperationHeader[]): Map<string, Speed> {
  const kept = useRef(new Map<string, Sample[]>());
  const speeds = new Map<string, Speed>();
  for (const header of operations) {
    if (header.state !== 'running') continue;
    const { restored, done, share, unit } = progressOf(header);
    const samples = kept.current.get(header.id) ?? [];
    const at = header.updatedAt;
    if (samples.at(-1)?.at !== at) samples.push({ at, values: [restored ?? done, done], share });
    kept.current.set(header.id, samples.slice(-SAMPLES_KEPT));
    const { perSecond, leftMs } = speedOf(samples);
    if (!perSecond?.[0]) continue;
    const text = `${short(perSecond[0])} ${restored === undefined ? unit : 'points'}/s`;
    speeds.set(header.id, { text, ...(leftMs === undefined ? {} : { leftMs }) });
  }
  return speeds;
}

function Table({ operations, speeds }: { operations: OperationHeader[]; speeds: Map<string, Speed> }): Content {
  return html`<table class="stack">
    <thead>
      <tr><th>Operation</th><th>State</th><th>Progress</th><th>Speed</th><th>Left</th><th>Age</th><th>Owner</th></tr>
    </thead>
    <tbody>
      ${operations.map((header) => html`<${Row} key=${header.id} header=${header} speed=${speeds.get(header.id)} />`)}
    </tbody>
  </table>`;
}

function Row({ header, speed }: { header: OperationHeader; speed: Speed | undefined }): Content {
  const { done, failed, total, unit, share } = progressOf(header);
  const about = aboutOf(header.params);
  const stages = header.stages.length;
  const far =
    unit !== 'tasks' || stages === 0
      ? `${count(done)} of ${count(total)} ${unit}`
      : `stage ${Math.min(header.stage + 1, stages)} of ${stages}`;
  const tone = ['failed', 'needs-attention'].includes(header.state)
    ? 'bad'
    : ['succeeded', 'reverted'].includes(header.state)
      ? 'ok'
      : 'busy';
  const label = `${Math.floor(share * 100)} %, ${count(done)} of ${count(total)} ${unit}${failed > 0 ? `, ${count(failed)} failed` : ''}`;
  return html`<tr data-operation=${header.id}>
    <td data-label="">
      <a href=${linkTo('operations', header.id)}><b>${header.kind}</b> <code>${header.id}</code></a>
      ${about ? html`<div class="soft">${about}</div>` : null}
      ${header.reason ? html`<div class="soft">“${header.reason}”</div>` : null}
      ${header.attention ? html`<div class="bad two-lines" title=${header.attention.error.message}>${header.attention.error.message}</div>` : null}
      ${header.error && header.state === 'failed' ? html`<div class="bad two-lines" title=${header.error.message}>${header.error.message}</div>` : null}
    </td>
    <td data-label="State"><${StateChip} header=${header} /></td>
    <td data-label="Progress" class=${total > 0 ? 'progress' : 'progress nothing'}>
      ${total > 0 ? html`<${Bar} parts=${[{ share, tone }]} label=${label} /><small class="soft">${far}</small>` : html`<span class="soft">–</span>`}
    </td>
    <td data-label="Speed" class=${speed ? 'num' : 'num nothing'}>${speed?.text ?? html`<span class="soft">–</span>`}</td>
    <td data-label="Left" class=${speed?.leftMs === undefined ? 'num nothing' : 'num'}>${speed?.leftMs === undefined ? html`<span class="soft">–</span>` : `≈ ${roughly(speed.leftMs)}`}</td>
    <td data-label="Age" class="num"><div>
      <${Since} at=${header.createdAt} />
      ${
        header.startedAt !== undefined && header.endedAt !== undefined
          ? html`<div><small class="soft">took ${duration(header.endedAt - header.startedAt)}</small></div>`
          : null
      }</div></td>
    <td data-label="Owner">${header.owner}</td>
  </tr>`;
}

function Empty({ me }: { me: Me }): Content {
  return html`<div class="empty">
    <p><b>Nothing has been submitted yet.</b></p>
    ${
      maySubmit(me.role)
        ? html`<p>
          An operation is planned first, and changes nothing until you start it.${' '}
          <a href=${linkTo('submit')}>Choose a kind and see its plan</a>.
        </p>`
        : null
    }
    <p class="soft">Or from a terminal:</p>
    <ul class="plain commands">
      <li><code>longshore doctor</code> <span class="soft">what this machine has and lacks</span></li>
      <li><code>longshore demo</code> <span class="soft">made-up data, everything put away afterwards</span></li>
      <li><code>longshore tsdb migrate --help</code> <span class="soft">your own data; <code>--plan</code> changes nothing</span></li>
    </ul>
  </div>`;
}
