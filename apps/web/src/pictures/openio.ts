/** Services with their bases, before, now and as they shall be; and the election of the container that is being moved, as a person draws it. */
import { count, plural } from '../format.ts';
import { Card } from '../parts/small.ts';
import { type Content, html } from '../vendor/preact.js';
import type { Bar, DrawnElection, DrawnMember } from './openio-read.ts';
import { barsOf, electionOf, movedOf } from './openio-read.ts';
import type { Picture, PictureProps } from './picture.ts';

export const openioPicture: Picture = { kinds: 'openio.', draw };

function draw(props: PictureProps): Content {
  const bars = barsOf(props.plan.data, movedOf(props.done));
  const election = electionOf(props.shown.exhibits.election);
  return html`${bars.length > 0 ? html`<${Bars} bars=${bars} started=${props.started} />` : null}
    ${election ? html`<${Election} election=${election} over=${props.over} />` : null}`;
}

function Bars({ bars, started }: { bars: readonly Bar[]; started: boolean }): Content {
  const most = Math.max(1, ...bars.flatMap(({ before, after, target, now }) => [before, after, target, now]));
  const percent = (bases: number): string => `${(100 * bases) / most}%`;
  const moved = bars.reduce((sum, { before, now }) => sum + Math.max(0, before - now), 0);
  return html`<${Card} name="services" title="Bases by service" aside=${html`<span class="soft">${started ? `${plural(moved, 'base')} moved` : 'as it would be'}</span>`}>
    <div class="bases" role="table" aria-label="bases by service">
      ${bars.map(
        ({ service, before, now, after, target }) => html`<div class="bases-row" role="row" key=${service}>
          <span role="rowheader">${service}</span>
          <div class="bases-bar" role="cell" aria-label=${`${before} before, ${now} now, ${after} in the end, target ${target}`}
            title=${`${before} before, ${now} now, ${after} in the end; its share is ${target}`}>
            <i class="bases-before" style=${{ width: percent(before) }}></i>
            <i class="bases-now" style=${{ width: percent(started ? now : after) }}></i>
            <i class="bases-target" style=${{ left: percent(target) }}></i>
          </div>
          <span role="cell" class="soft">${count(before)} → ${count(after)}${now !== after && started ? `, now ${count(now)}` : ''}</span>
        </div>`,
      )}
    </div>
    <p class="soft">Pale: before. Full: ${started ? 'now' : 'in the end'}. Mark: its share by score.</p>
  </${Card}>`;
}

const BOX = { width: 168, height: 52, gap: 20, rise: 92 } as const;

function Election({ election, over }: { election: DrawnElection; over: boolean }): Content {
  const { name, members, problems } = election;
  const master = members.find(({ state }) => state === 'MASTER');
  const others = members.filter((one) => one !== master);
  const width = Math.max(1, others.length) * (BOX.width + BOX.gap) + BOX.gap;
  const height = BOX.rise + BOX.height + 2 * BOX.gap;
  const top = { x: (width - BOX.width) / 2, y: BOX.gap / 2 };
  const place = (at: number): { x: number; y: number } => ({ x: BOX.gap + at * (BOX.width + BOX.gap), y: BOX.rise + BOX.gap });
  const said = members.map(({ id, word }) => `${id} ${word}`).join(', ');
  return html`<${Card} name="election" title=${`Election of ${name}`} aside=${html`<span class="soft">${over ? 'as it ended' : 'as it was seen last'}</span>`}>
    <svg class="election" viewBox=${`0 0 ${width} ${height}`} role="img" aria-label=${said}>
      ${others.map((member, at) =>
        master && member.follows === master.id
          ? html`<line key=${`to-${member.id}`} x1=${place(at).x + BOX.width / 2} y1=${place(at).y} x2=${top.x + BOX.width / 2} y2=${top.y + BOX.height} />`
          : null,
      )}
      ${master ? html`<${Member} member=${master} x=${top.x} y=${top.y} />` : html`<text class="soft" x=${width / 2} y=${BOX.gap * 2} text-anchor="middle">no master</text>`}
      ${others.map((member, at) => html`<${Member} key=${member.id} member=${member} ...${place(at)} />`)}
    </svg>
    ${problems.length > 0 ? html`<p class="soft">Not yet as it must be: ${problems.join('; ')}.</p>` : null}
  </${Card}>`;
}

function Member({ member, x, y }: { member: DrawnMember; x: number; y: number }): Content {
  return html`<g class=${`member ${member.tone}`}>
    <title>${`${member.id}: ${member.word}${member.peers ? `; its peers: ${member.peers.join(', ')}` : ''}`}</title>
    <rect x=${x} y=${y} width=${BOX.width} height=${BOX.height} rx="6" />
    <text x=${x + BOX.width / 2} y=${y + 21} text-anchor="middle">${member.state === 'MASTER' ? '★ ' : ''}${member.id}</text>
    <text class="soft" x=${x + BOX.width / 2} y=${y + 40} text-anchor="middle">${member.word}</text>
  </g>`;
}
