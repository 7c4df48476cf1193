/** The fleet: who works, what waits in the queues, what nobody can be trusted with, and whether anything new is taken. */
import { call } from './api.ts';
import { bytes, count, duration, plural, short } from './format.ts';
import { mayAct, mayRunFleet } from './may.ts';
import { Dialog } from './parts/dialog.ts';
import { Card, ErrorBox, Silence, Since, When } from './parts/small.ts';
import { usePoll } from './poll.ts';
import { heldOf, type QueueDepth, queuesOf, readyIn, type SpoolHeld } from './queues.ts';
import { linkTo } from './route.ts';
import { type Content, html, useState } from './vendor/preact.js';
import type { DeadLetter, FleetDrain, Me, Presence, SpoolRecord } from './wire.ts';

const POLL_MS = 3_000;

interface Fleet {
  drain: FleetDrain | null;
  workers: Presence[];
  spools: SpoolRecord[];
  letters: DeadLetter[];
  queues: QueueDepth[];
  held: ReadonlyMap<string, SpoolHeld>;
}

async function load(signal: AbortSignal): Promise<Fleet> {
  const [{ drain }, { workers }, { spools }, { letters }, metrics] = await Promise.all([
    call('GET /v1/fleet', {}, { signal }),
    call('GET /v1/workers', {}, { signal }),
    call('GET /v1/spools', {}, { signal }),
    call('GET /v1/dead-letters', {}, { signal }),
    call('GET /metrics', {}, { signal }),
  ]);
  return { drain, workers, spools, letters, queues: queuesOf(metrics), held: heldOf(metrics) };
}

export function FleetPage({ me }: { me: Me }): Content {
  const { value, error, silentSince, reload } = usePoll(load, POLL_MS, []);
  if (!value) return error ? html`<${ErrorBox} error=${error} />` : html`<p class="loading">The fleet …</p>`;
  return html`<${Silence} since=${silentSince} error=${error} />
    <div class="cards">
      <${State} fleet=${value} me=${me} changed=${reload} />
      <${Workers} workers=${value.workers} />
      <${Letters} letters=${value.letters} me=${me} changed=${reload} />
      <${Queues} queues=${value.queues} />
      <${Spools} spools=${value.spools} workers=${value.workers} held=${value.held} queues=${value.queues} />
    </div>`;
}

function State({ fleet: { drain, workers }, me, changed }: { fleet: Fleet; me: Me; changed(): void }): Content {
  const [asking, setAsking] = useState<'drain' | 'open' | undefined>(undefined);
  const [minutes, setMinutes] = useState('60');
  const busy = workers.reduce((sum, worker) => sum + worker.busy, 0);
  const slots = workers.reduce((sum, worker) => sum + worker.concurrency, 0);
  const withinMs = Math.round(Number(minutes) * 60_000);
  return html`<section class="card wide" data-card="fleet">
    <div class="row">
      <h1>Fleet</h1>
      <span class=${`chip ${drain ? 'wait' : 'ok'}`}><i aria-hidden="true">${drain ? '‖' : '✓'}</i> ${drain ? 'being drained' : 'open'}</span>
      <span class="soft">${plural(workers.length, 'process', 'processes')}, ${count(busy)} of ${plural(slots, 'slot')} at work</span>
      ${mayRunFleet(me.role) ? html`<button class=${`right ${drain ? 'solid' : 'danger'}`} data-action=${drain ? 'open' : 'drain'} onClick=${() => setAsking(drain ? 'open' : 'drain')}>${drain ? 'Open it' : 'Drain it'}…</button>` : null}
    </div>
    ${drain ? html`<p>Nothing new is taken since <${When} at=${drain.since} />, as ${drain.by} asked. What is left at <${When} at=${drain.until} /> is cancelled.</p>` : null}
    ${
      asking === 'drain'
        ? html`<${Dialog} title="Drain the fleet?" yes="Drain it" danger=${true} blocked=${!(withinMs > 0)} close=${() => setAsking(undefined)}
          act=${async () => {
            await call('POST /v1/fleet/drain', { body: { withinMs } });
            changed();
          }}>
          <p>Nothing new is taken, neither submissions nor starts nor retries. What is under way is brought to its end.</p>
          <label><span>What is left after so many minutes is cancelled</span><input type="number" min="0.1" step="any" value=${minutes} onInput=${(event: { currentTarget: HTMLInputElement }) => setMinutes(event.currentTarget.value)} /></label>
        </${Dialog}>`
        : null
    }
    ${
      asking === 'open'
        ? html`<${Dialog} title="Open the fleet again?" yes="Open it" close=${() => setAsking(undefined)}
          act=${async () => {
            await call('POST /v1/fleet/open');
            changed();
          }}><p>New operations are taken from now on. What was cancelled meanwhile stays cancelled.</p></${Dialog}>`
        : null
    }
  </section>`;
}

function Workers({ workers }: { workers: Presence[] }): Content {
  const sorted = workers.toSorted((a, b) => `${a.role} ${a.worker}`.localeCompare(`${b.role} ${b.worker}`));
  return html`<${Card} wide=${true} title="Workers" name="workers">
    ${
      workers.length === 0
        ? html`<p><i class="sign bad" aria-hidden="true">✗</i> No process has said lately that it lives. <code>longshore up</code> starts a fleet on this machine.</p>`
        : html`<table class="stack">
          <thead><tr><th>Worker</th><th>Role</th><th>At work</th><th>Spools</th><th>Up for</th><th>Last seen</th></tr></thead>
          <tbody>${sorted.map(
            (worker) => html`<tr key=${worker.worker}>
              <td data-label=""><code>${worker.worker}</code></td>
              <td data-label="Role">${worker.role}</td>
              <td data-label="At work" class="num">${count(worker.busy)} of ${count(worker.concurrency)}</td>
              <td data-label="Spools">${worker.spools.join(', ') || html`<span class="soft">–</span>`}</td>
              <td data-label="Up for" class="num"><${Since} at=${worker.startedAt} />${worker.restarts ? html` <span class="wait">! ${plural(worker.restarts, 'deaf consumer')} replaced</span>` : null}</td>
              <td data-label="Last seen" class="num"><span><${Since} at=${worker.seenAt} /> ago</span></td>
            </tr>`,
          )}</tbody>
        </table>`
    }
  </${Card}>`;
}

function Letters({ letters, me, changed }: { letters: DeadLetter[]; me: Me; changed(): void }): Content {
  const [asking, setAsking] = useState<DeadLetter | undefined>(undefined);
  return html`<${Card} wide=${true} title="Dead letters" name="dead-letters" aside=${html`<span class="soft">tasks that no worker can be trusted with again until somebody says so</span>`}>
    ${
      letters.length === 0
        ? html`<p class="soft"><i class="sign ok" aria-hidden="true">✓</i> There are none.</p>`
        : html`<table class="stack">
          <thead><tr><th>Task</th><th>Operation</th><th>Reason</th><th>Since</th><th></th></tr></thead>
          <tbody>${letters.map(
            (letter) => html`<tr key=${letter.id}>
              <td data-label=""><code>${letter.task}</code></td>
              <td data-label="Operation"><a href=${linkTo('operations', letter.operation)}>${letter.operation}</a></td>
              <td data-label="Reason" class="bad">✗ ${letter.reason}</td>
              <td data-label="Since"><${When} at=${letter.at} /></td>
              <td data-label="">${mayAct(me.role, 'retry') ? html`<button onClick=${() => setAsking(letter)}>Requeue…</button>` : null}</td>
            </tr>`,
          )}</tbody>
        </table>`
    }
    ${
      asking
        ? html`<${Dialog} title=${`Try ${asking.task} again?`} yes="Try again" close=${() => setAsking(undefined)}
          act=${async () => {
            await call('POST /v1/dead-letters/requeue', { body: { id: asking.id } });
            changed();
          }}>
          <p>It is taken off the list, and its operation ${asking.operation} is tried again where it failed.</p>
          <p class="soft">The last time: ${asking.reason}</p>
        </${Dialog}>`
        : null
    }
  </${Card}>`;
}

function Queues({ queues }: { queues: QueueDepth[] }): Content {
  return html`<${Card} wide=${true} title="Queues" name="queues">
    ${
      queues.length === 0
        ? html`<p class="soft">No queue is known yet.</p>`
        : html`<table>
          <thead><tr><th>Queue</th><th class="num">waiting</th><th class="num">active</th><th class="num">delayed</th><th class="num">backlog</th></tr></thead>
          <tbody>${queues.map(({ queue, waiting, active, delayed, backlogSeconds = 0 }) => html`<tr key=${queue}><td><code>${queue}</code></td><td class="num">${count(waiting)}</td><td class="num">${count(active)}</td><td class="num">${count(delayed)}</td><td class="num">${backlogSeconds > 0 ? duration(backlogSeconds * 1_000) : html`<span class="soft">–</span>`}</td></tr>`)}</tbody>
        </table>`
    }
  </${Card}>`;
}

interface SpoolsProps {
  spools: SpoolRecord[];
  workers: Presence[];
  held: ReadonlyMap<string, SpoolHeld>;
  queues: QueueDepth[];
}

/** Below so much of a disk, dumps are soon held back. */
const LITTLE = 0.1;

function Spools({ spools, workers, held, queues }: SpoolsProps): Content {
  const served = (name: string, role: string): number =>
    workers.filter((worker) => worker.role === role && worker.spools.includes(name)).length;
  return html`<${Card} wide=${true} title="Spools" name="spools">
    ${
      spools.length === 0
        ? html`<p class="soft">There are none: <code>longshore spools add</code>.</p>`
        : html`<table class="stack">
          <thead><tr><th>Spool</th><th>Served by</th><th>Room</th><th>Reserved</th><th>Ready</th><th>Where</th></tr></thead>
          <tbody>${spools.map(({ name, path, host, quotaBytes }) => {
            const [dumpers, restorers] = [served(name, 'dumper'), served(name, 'restorer')];
            const room = workers.findLast((worker) => worker.room?.[name])?.room?.[name];
            const { bytes: reserved = 0, inodes = 0 } = held.get(name) ?? {};
            const ready = readyIn(name, queues);
            const tight = room !== undefined && room.bytesFree < LITTLE * room.bytesTotal;
            return html`<tr key=${name}>
              <td data-label=""><b>${name}</b></td>
              <td data-label="Served by"><span><i class=${`sign ${dumpers + restorers > 0 ? 'ok' : 'bad'}`} aria-hidden="true">${dumpers + restorers > 0 ? '✓' : '✗'}</i>
                ${dumpers + restorers > 0 ? `${plural(dumpers, 'dumper')}, ${plural(restorers, 'restorer')}` : 'nobody'}</span></td>
              <td data-label="Room"><span class=${tight ? 'bad' : ''}>${tight ? '! ' : ''}${room ? `${bytes(room.bytesFree)} free of ${bytes(quotaBytes ?? room.bytesTotal)}` : 'not known'}${room ? html` <small class="soft">${short(room.inodesFree)} inodes</small>` : null}</span></td>
              <td data-label="Reserved" class="num">${reserved > 0 ? html`${bytes(reserved)} <small class="soft">${short(inodes)} inodes</small>` : html`<span class="soft">–</span>`}</td>
              <td data-label="Ready" class="num">${ready > 0 ? plural(ready, 'batch', 'batches') : html`<span class="soft">–</span>`}</td>
              <td data-label="Where"><code>${host}:${path}</code></td>
            </tr>`;
          })}</tbody>
        </table>`
    }
  </${Card}>`;
}
