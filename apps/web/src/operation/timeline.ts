/** When each task ran: of operations with few tasks, where a throughput says nothing. */
import { duration, times } from '../format.ts';
import { Card } from '../parts/small.ts';
import { useNow } from '../poll.ts';
import { type Content, html } from '../vendor/preact.js';
import type { DoneRecord, OperationHeader, TaskView } from '../wire.ts';
import { spansOf } from './spans.ts';
import { MARKS } from './tasks.ts';

/** More are not told apart by eye. */
export const MOST_ON_TIMELINE = 40;

export function Timeline({
  header,
  done,
  tasks,
}: {
  header: OperationHeader;
  done: readonly DoneRecord[];
  tasks: readonly TaskView[];
}): Content {
  const now = useNow();
  const spans = spansOf(done, tasks, now);
  const from = Math.min(header.startedAt ?? now, ...spans.map((span) => span.from));
  const to = Math.max(header.endedAt ?? now, ...spans.map((span) => span.to), from + 1_000);
  const share = (at: number): string => `${(((at - from) / (to - from)) * 100).toFixed(2)}%`;
  return html`<${Card} title="When each task ran" name="timeline" aside=${html`<span class="soft">${times(from).local} to ${times(to).local}</span>`}>
    <ol class="timeline">
      ${spans.map(({ id, mark, from: begin, to: end }) => {
        const { sign, word, tone } = MARKS[mark];
        return html`<li key=${`${id}-${begin}`} title=${`${id}: ${word}, ${times(begin).full}, ${duration(end - begin)}`}>
          <span class="task-id"><i class=${`sign ${tone}`} aria-label=${word}>${sign}</i><span class="tail"><bdi>${id}</bdi></span></span>
          <span class="span"><i class=${tone} style=${{ left: share(begin), width: share(from + end - begin) }}></i></span>
          <small class="soft">${duration(end - begin)}</small>
        </li>`;
      })}
    </ol>
    ${spans.length === 0 ? html`<p class="soft">No task has run yet.</p>` : null}
  </${Card}>`;
}
