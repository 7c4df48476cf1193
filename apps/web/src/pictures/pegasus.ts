/** A table on its way to another cluster: the clock of the denial, and its partitions by the node that serves them. */
import { capital, count, duration, plural } from '../format.ts';
import { Card } from '../parts/small.ts';
import { useNow } from '../poll.ts';
import { type Content, html } from '../vendor/preact.js';
import type { GuardRecord } from '../wire.ts';
import { clockOf, type PartitionsShown, partitionsOf } from './denial.ts';
import type { Picture, PictureProps } from './picture.ts';

const DENIAL = 'deny-writes:';

export const pegasusPicture: Picture = {
  kinds: 'pegasus.migrate-table',
  draw({ guards, shown, started }: PictureProps): Content {
    if (!started) return null;
    const partitions = partitionsOf(shown);
    const denial = guards.filter(({ key }) => key.startsWith(DENIAL)).at(-1);
    return [
      denial ? html`<${DenialClock} key="denial" guard=${denial} inForceAt=${partitions?.inForceAt} />` : null,
      partitions ? html`<${Nodes} key="nodes" shown=${partitions} />` : null,
    ];
  },
};

function DenialClock({ guard, inForceAt }: { guard: GuardRecord; inForceAt: number | undefined }): Content {
  const { phase, elapsedMs, maxMs, spread, used } = clockOf(guard, inForceAt, useNow());
  const live = guard.state === 'open' || guard.state === 'handed-over';
  const left = guard.state === 'open' ? `, at most ${duration(Math.max(0, maxMs - elapsedMs))} more` : '';
  return html`<${Card} wide=${true} title="Denial of writes" name="denial-clock" aside=${html`<span class="soft">${phase}</span>`}>
    <p class=${live ? 'clock open' : 'clock'} role="timer"><b>${duration(elapsedMs)}</b><span class="soft">${left}</span></p>
    <div class="bar" role="img" aria-label=${`${Math.round(used * 100)} % of the longest time, ${Math.round(spread * 100)} % until it was in force`}>
      <i class="skip" style=${{ width: `${spread * 100}%` }}></i><i class="busy" style=${{ width: `${(used - spread) * 100}%` }}></i>
    </div>
    <p class="soft">${capital(guard.what)}.</p>
  </${Card}>`;
}

function Nodes({ shown }: { shown: PartitionsShown }): Content {
  const nodes = [...Map.groupBy(shown.partitions, ([, node]) => node)].sort(([a], [b]) => (a < b ? -1 : 1));
  const drained = shown.partitions.filter(([, , , done]) => done).length;
  const draining = shown.inForceAt !== undefined;
  const columns = Math.min(50, Math.max(...nodes.map(([, all]) => all.length)));
  return html`<${Card} wide=${true} title="Partitions by node" name="partitions" aside=${html`<span class="soft">${draining ? `${drained} of ${plural(shown.partitions.length, 'partition', 'partitions')} drained` : plural(shown.partitions.length, 'partition', 'partitions')}</span>`}>
    <div class="grid" data-cells=${shown.partitions.length}>
      ${nodes.map(
        ([node, all]) => html`<span key=${node} class="grid-label">${node || 'no primary'}</span>
          <div class="grid-row" role="img" aria-label=${`${node}: ${all.length} partitions`} style=${{ gridTemplateColumns: `repeat(${columns}, minmax(3px, 1fr))` }}>
            ${all.map(([partition, , waits, done]) => html`<i key=${partition} class=${`cell ${done ? 'v' : waits === null ? 'w' : waits > 0 ? 's' : 'q'}`} title=${`partition ${partition}: ${done ? 'drained' : waits === null ? 'not known' : `${count(waits)} wait`}`}></i>`)}
          </div>`,
      )}
    </div>
    <ul class="key">
      <li><i class="cell v" aria-hidden="true"></i>drained</li><li><i class="cell s" aria-hidden="true"></i>mutations wait</li><li><i class="cell q" aria-hidden="true"></i>nothing waits</li><li><i class="cell w" aria-hidden="true"></i>not known</li>
    </ul>
  </${Card}>`;
}
