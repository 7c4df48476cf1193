/** Shards before and after with what they serve, and the copy table by table; for a status, what was found. */
import { count } from '../format.ts';
import { Card } from '../parts/small.ts';
import { type Content, html } from '../vendor/preact.js';
import type { Picture, PictureProps } from './picture.ts';
import type { ShardView, Side, TableView } from './vitess-shards.ts';
import { shardsView } from './vitess-shards.ts';

function Shard({ shard }: { shard: ShardView }): Content {
  const { name, from, share, serves } = shard;
  const said = serves.length > 0 ? `serves ${serves.join(' and ')}` : 'serves nobody';
  return html`<li class="shard" data-serves=${serves.join(',')}>
    <b>${name}</b>
    <span class="keys" role="img" aria-label=${`${Math.round(share * 100)} % of the keys`}><i style=${{ marginLeft: `${from * 100}%`, width: `${share * 100}%` }}></i></span>
    <span class=${serves.length > 0 ? 'ok' : 'soft'}>${serves.length > 0 ? '✓ ' : '– '}${said}</span>
  </li>`;
}

function Shards({ side, title }: { side: Side; title: string }): Content {
  return html`<div><h3>${title}: ${side.keyspace}</h3><ul class="shards">${side.shards.map((shard) => html`<${Shard} key=${shard.name} shard=${shard} />`)}</ul></div>`;
}

function Copied({ table }: { table: TableView }): Content {
  const { copied, total, compared, different } = table;
  const share = total === 0 ? 0 : copied / total;
  const label = total === 0 ? 'nothing copied yet' : `${count(copied)} of about ${count(total)} rows copied`;
  const word = different > 0 ? `✗ ${count(different)} differ` : compared > 0 ? `✓ ${count(compared)} compared` : '';
  return html`<tr>
    <th scope="row">${table.table}</th>
    <td class="progress"><div class="bar busy" role="img" aria-label=${label} title=${label}><i class=${share < 1 ? 'busy' : ''} style=${{ width: `${share * 100}%` }}></i></div></td>
    <td class="num">${count(copied)}${total > copied ? ` of ~${count(total)}` : ''}</td>
    <td class=${different > 0 ? 'bad' : 'ok'}>${word}</td>
  </tr>`;
}

function drawStatus({ report }: PictureProps): Content {
  if (!report || report.notes.length === 0) return null;
  const signs = { info: '·', warning: '!', error: '✗' } as const;
  return html`<${Card} wide=${true} title="What was found" name="status"><ul class="found">
    ${report.notes.map(({ level, text }, at) => html`<li key=${at} class=${level === 'error' ? 'bad' : level === 'warning' ? 'wait' : ''}>${signs[level]} ${text}</li>`)}
  </ul></${Card}>`;
}

function draw(props: PictureProps): Content {
  const { header, plan, shown } = props;
  if (header.kind === 'vitess.status') return drawStatus(props);
  const view = shardsView(header, plan, shown);
  if (!view) return null;
  const { source, target, tables, traffic, lagSeconds, throttled } = view;
  const aside = [traffic, lagSeconds === undefined ? '' : `${lagSeconds} s behind`, throttled ? 'throttled' : '']
    .filter(Boolean)
    .join(' · ');
  return html`<${Card} wide=${true} title="Shards" name="shards" aside=${html`<span class="soft">${aside}</span>`}>
    <div class="ends"><${Shards} side=${source} title="Before" /><${Shards} side=${target} title="After" /></div>
    ${
      tables.length > 0
        ? html`<div class="scroll"><table class="stack"><thead><tr><th>table</th><th>copy</th><th class="num">rows</th><th>comparison</th></tr></thead>
      <tbody>${tables.map((table) => html`<${Copied} key=${table.table} table=${table} />`)}</tbody></table></div>`
        : null
    }
  </${Card}>`;
}

export const vitessPicture: Picture = { kinds: 'vitess.', draw };
