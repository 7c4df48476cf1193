/** Stages as columns, each with its tasks: what ran, what runs, what waits and for what. */
import { count, duration, plural, short } from '../format.ts';
import { Icon } from '../parts/icon.ts';
import { memo } from '../parts/memo.ts';
import { Bar, Card } from '../parts/small.ts';
import { useNow } from '../poll.ts';
import { type Content, html, useEffect, useMemo, useRef, useState } from '../vendor/preact.js';
import type { DoneRecord, OperationHeader, StageSpec, StageState, StoredPlan, TaskView } from '../wire.ts';
import { insideGuard, linesOf, MARKS, type Mark, markOf, mostTelling, stageMark, type TaskLine } from './tasks.ts';

/** Tasks named in a column before the person asks for the rest. */
const NAMED = 9;
const NAMED_WHEN_OPEN = 200;
/** Of a bulk stage, whose picture is the grid. */
const UNITS_NAMED = 5;
const URGENCY: readonly TaskView['state'][] = ['running', 'gated', 'queued', 'waiting'];
/** Up to so many tasks are drawn as small cells besides. */
const MOST_CELLS = 1_200;

export interface StagesProps {
  header: OperationHeader;
  plan: StoredPlan;
  tasks: readonly TaskView[];
  done: readonly DoneRecord[];
}

export function Stages({ header, plan, tasks, done }: StagesProps): Content {
  const inside = useMemo(() => insideGuard(plan.stages), [plan]);
  const records = useMemo(() => new Map(done.map((record) => [record.id, record])), [done]);
  const lines = useMemo(() => {
    const live = new Map(tasks.map((task) => [task.id, task]));
    return plan.stages.map((spec) => linesOf(spec, live, records));
  }, [plan, tasks, records]);
  const strip = useRef<HTMLElement | null>(null);
  const awaited = new Set(header.awaits?.stages);
  useEffect(() => {
    // The column at work is in sight, without moving the page.
    const box = strip.current;
    const column = box?.children[header.stage];
    if (box && column instanceof HTMLElement && box.scrollWidth > box.clientWidth) box.scrollLeft = column.offsetLeft - box.offsetLeft - 40;
  }, [header.stage, plan.stages.length]);
  return html`<${Card} wide=${true} title="Stages" name="stages" aside=${html`<span class="soft">one after another</span>`}>
    <ol class="stages" ref=${strip} tabindex="0" aria-label="Stages">
      ${plan.stages.map((spec, at) => {
        const stage = header.stages[at];
        if (!stage) return null;
        return html`<${StageColumn} key=${`${at}-${spec.name}`} at=${at} spec=${spec} stage=${stage} inside=${inside[at] === true}
          awaited=${awaited.has(spec.name)} lines=${lines[at]} units=${spec.bulk ? tasks.filter(({ unit }) => unit !== undefined) : NONE}
          current=${header.stage === at} />`;
      })}
    </ol>
  </${Card}>`;
}

const NONE: readonly TaskView[] = [];

interface StageColumnProps {
  at: number;
  spec: StageSpec;
  stage: StageState;
  inside: boolean;
  awaited: boolean;
  lines: TaskLine[];
  units: readonly TaskView[];
  current: boolean;
}

const StageColumn = memo<StageColumnProps>(drawStage, sameStage);

function sameStage(before: StageColumnProps, now: StageColumnProps): boolean {
  return before.spec === now.spec && gist(before) === gist(now);
}

/** All that is seen of a column. Ended tasks do not change any more: of them only the mark counts, of which there may be a thousand. */
function gist({ at, inside, awaited, current, stage, lines, units }: StageColumnProps): string {
  const marks = lines.map(({ mark }) => LETTERS[mark]).join('');
  const live = lines.flatMap((line) => (line.live ? [line.live] : []));
  return JSON.stringify([at, inside, awaited, current, stage, marks, live, units]);
}

function drawStage(props: StageColumnProps): Content {
  return html`<${StageBody} ...${props} />`;
}

function StageBody({ at, spec, stage, inside, awaited, lines, units, current }: StageColumnProps): Content {
  const [open, setOpen] = useState(false);
  const mark = MARKS[stageMark(stage, awaited)];
  const total = Math.max(stage.total, lines.length, spec.bulk?.only?.length ?? spec.bulk?.count ?? 0);
  const ended = stage.done + stage.failed + stage.skipped;
  const took = stage.startedAt !== undefined && stage.endedAt !== undefined ? duration(stage.endedAt - stage.startedAt) : undefined;
  const shown = mostTelling(lines, open ? NAMED_WHEN_OPEN : NAMED);
  const many = total > 1;
  return html`<li class=${`stage ${mark.tone} ${inside ? 'guarded' : ''} ${stage.state === 'pending' ? 'pending' : ''} ${lines.length > NAMED ? 'broad' : ''}`} aria-current=${current ? 'step' : undefined} data-stage=${spec.name}>
    <h3><i class="sign" aria-hidden="true">${mark.sign}</i> <span class="soft">${at + 1}</span> ${spec.title}</h3>
    <p class="soft">
      ${awaited ? 'waits for approval' : mark.word}${many ? `, ${count(ended)} of ${count(total)}` : ''}${stage.failed > 0 ? `, ${count(stage.failed)} failed` : ''}${took ? `, ${took}` : ''}
    </p>
    ${
      many
        ? html`<${Bar} label=${`${count(ended)} of ${count(total)} ended`} parts=${[
            { share: stage.done / total, tone: 'ok' },
            { share: stage.failed / total, tone: 'bad' },
            { share: stage.skipped / total, tone: 'skip' },
          ]} />`
        : null
    }
    ${inside ? html`<p class="guard-note"><${Icon} name="shield" /> inside a guard</p>` : null}
    ${spec.approval && stage.state === 'pending' ? html`<p class="soft approval-note"><i aria-hidden="true">?</i> may ask for approval: ${spec.approval}</p>` : null}
    ${
      lines.length > NAMED
        ? html`<${MiniCells} marks=${lines
            .slice(0, MOST_CELLS)
            .map(({ mark: each }) => LETTERS[each])
            .join('')} />`
        : null
    }
    <ul class="tasks">
      ${shown.map((line) => html`<${Task} key=${line.id} line=${line} />`)}
      ${units
        .toSorted((a, b) => URGENCY.indexOf(a.state) - URGENCY.indexOf(b.state))
        .slice(0, UNITS_NAMED)
        .map((task) => html`<${Task} key=${task.id} line=${{ id: task.id, mark: markOf(task), live: task }} />`)}
      ${units.length > UNITS_NAMED ? html`<li class="soft"><small>and ${plural(units.length - UNITS_NAMED, 'more live task')}</small></li>` : null}
    </ul>
    ${
      lines.length > NAMED
        ? html`<button class="quiet" aria-expanded=${open} onClick=${() => setOpen(!open)}>${open ? 'fewer' : lines.length > NAMED_WHEN_OPEN ? `first ${NAMED_WHEN_OPEN}` : `all ${lines.length}`}</button>`
        : null
    }
  </li>`;
}

const LETTERS: Readonly<Record<Mark, string>> = {
  done: 'v',
  failed: 'f',
  running: 'd',
  waits: 'w',
  queued: 'q',
  planned: 'p',
  skipped: 'n',
  cancelled: 'n',
};

/** Tasks as small cells, in the letters of the grid; what is not as it should be stands in the list below, too. */
const MiniCells = memo<{ marks: string }>(({ marks }) => {
  const parts = Array.from({ length: Math.ceil(marks.length / TOGETHER) }, (_, at) => marks.slice(at * TOGETHER, (at + 1) * TOGETHER));
  return html`<div class="mini" aria-hidden="true">${parts.map((part, at) => html`<${MiniPart} key=${at} marks=${part} />`)}</div>`;
});

/** Of a thousand cells few change at a time: only their part is drawn again. */
const TOGETHER = 40;

const MiniPart = memo<{ marks: string }>(
  ({ marks }) => html`<span class="mini-part">${[...marks].map((mark, at) => html`<i key=${at} class=${`cell ${mark}`}></i>`)}</span>`,
);

function Task({ line }: { line: TaskLine }): Content {
  const { sign, word, tone } = MARKS[line.mark];
  return html`<li class=${`task ${tone}`} data-task=${line.id} data-mark=${line.mark}>
    <i class="sign" role="img" aria-label=${word} title=${word}>${sign}</i>
    <span><span class="task-id">${line.id}</span><${Why} line=${line} /></span>
  </li>`;
}

/** What is to be said besides its name. */
function Why({ line: { mark, live, record, after } }: { line: TaskLine }): Content {
  // The reason stands beside, once for all tasks that wait for the same.
  if (live?.gate)
    return html`<small title=${live.gate.reason}><${Ticking} since=${live.gate.since} before=${`at the gate ${live.gate.gate} for `} /></small>`;
  if (live?.notBefore !== undefined)
    return html`<small><${Left} until=${live.notBefore} before="again in " />: ${live.lastError ?? 'it failed'}</small>`;
  if (live && mark === 'running') {
    const { progress, since, worker } = live;
    const far = progress
      ? ` ${short(progress.done)}${progress.total === undefined ? '' : ` of ${short(progress.total)}`} ${progress.unit},`
      : '';
    return html`<small>${far} <${Ticking} since=${since ?? Date.now()} before="" /> <span class="worker">${worker ?? ''}</span>
      ${progress?.total ? html`<progress max=${progress.total} value=${progress.done} aria-label="how far it is"></progress>` : null}</small>`;
  }
  if (live?.state === 'waiting' && after) return html`<small>after ${after}</small>`;
  if (record?.error) return html`<small class="bad">${record.error.message}</small>`;
  if (record?.startedAt !== undefined) return html`<small>${duration(record.endedAt - record.startedAt)}</small>`;
  return null;
}

function Ticking({ since, before }: { since: number; before: string }): Content {
  const now = useNow();
  return `${before}${duration(now - since)}`;
}

function Left({ until, before }: { until: number; before: string }): Content {
  const now = useNow();
  return `${before}${duration(until - now)}`;
}
