/** One operation: what it does, what it waits for, how fast it goes, what became of it. */
import { ApiError, call } from '../api.ts';
import { isFinal } from '../may.ts';
import { kept } from '../parts/memo.ts';
import { ErrorBox, Silence } from '../parts/small.ts';
import { KindPicture } from '../pictures/pictures.ts';
import { useAtMost, usePoll } from '../poll.ts';
import { linkTo } from '../route.ts';
import { type Content, html, useEffect, useMemo, useRef, useState } from '../vendor/preact.js';
import type { DoneRecord, Me, OperationView, Shown, StoredPlan } from '../wire.ts';
import { Chart, Latency, latencyOf, Samples } from './chart.ts';
import { Explained } from './explain.ts';
import { Head } from './head.ts';
import { EventLog } from './log.ts';
import { PlanCard } from './plan.ts';
import { ReportCard } from './report.ts';
import { plotsOf, Series } from './series.ts';
import { Stages } from './stages.ts';
import { MOST_ON_TIMELINE, Timeline } from './timeline.ts';
import { hasWaits, Waits } from './waits.ts';

const LIVE_MS = 1_000;
const SLOW_MS = 3_000;
/** After an event it is asked at once, but not again within this. */
const EVENT_MS = 400;
/** Records of ended tasks, of which there may be thousands, are not asked for again within this. */
const RECORDS_MS = 1_000;
/** Nothing moves any more, but somebody may revert it or try it again. */
const REST_MS = 5_000;

export function OperationPage({ id, me }: { id: string; me: Me }): Content {
  const [resting, setResting] = useState(false);
  const {
    value: view,
    error,
    silentSince,
    reload,
  } = usePoll((signal) => call('GET /v1/operations/:id', { params: { id } }, { signal }), resting ? REST_MS : LIVE_MS, [id]);
  if (error instanceof ApiError && error.status === 404 && !view)
    return html`<section class="card wide"><h1>There is no operation ${id}</h1><p>It may have been forgotten: the fleet keeps ended ones for a while only. <a href=${linkTo('operations')}>All operations</a></p></section>`;
  if (!view) return error ? html`<${ErrorBox} error=${error} />` : html`<p class="loading">${id} …</p>`;
  return html`
    <${Silence} since=${silentSince} error=${error} />
    <${Known} view=${view} me=${me} reload=${reload} rest=${setResting} />
  `;
}

interface KnownProps {
  view: OperationView;
  me: Me;
  reload(): void;
  rest(resting: boolean): void;
}

function Known({ view, me, reload, rest }: KnownProps): Content {
  const { header, tasks, guards } = view;
  const { id } = header;
  const over = isFinal(header.state);
  const planned = header.state === 'planned' && header.mode === 'plan';
  useEffect(() => {
    rest(over || planned);
  }, [over, planned]);
  const counted = header.stages.reduce((sum, { done, failed, skipped }) => sum + done + failed + skipped, 0);
  const plan = usePlan(id, `${header.planHash ?? ''}/${header.stages.length}`, header.stages.length > 0);
  const bulk = plan?.stages.some((spec) => spec.bulk) ?? false;
  // A thousand records are not asked for again with each task that ends, but at each hundredth of the way.
  const step = Math.max(1, Math.floor(header.stages.reduce((sum, { total }) => sum + total, 0) / 100));
  const version = useAtMost(`${Math.floor(counted / step)}/${header.stage}/${header.state}`, RECORDS_MS);
  const records = useRecords(id, version, plan !== undefined);
  const slow = over || planned ? undefined : SLOW_MS;
  const report = usePoll((signal) => call('GET /v1/operations/:id/report', { params: { id } }, { signal }), slow, [id, header.state]).value;
  const explained = usePoll((signal) => call('GET /v1/operations/:id/explain', { params: { id } }, { signal }), slow, [
    id,
    header.state,
    header.intent,
    header.stage,
  ]).value;
  const shown = usePoll((signal) => call('GET /v1/operations/:id/picture', { params: { id } }, { signal }), slow, [id, header.state]).value;
  const few = header.startedAt !== undefined && !bulk && records.length + tasks.length <= MOST_ON_TIMELINE;
  const asking = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const askedAt = useRef(0);
  // What happened is shown at once, and in a storm of events still not more often than a person can see.
  const heard = useRef(() => {
    asking.current ??= setTimeout(
      () => {
        asking.current = undefined;
        askedAt.current = Date.now();
        reload();
      },
      Math.max(0, askedAt.current + EVENT_MS - Date.now()),
    );
  });
  useEffect(() => () => clearTimeout(asking.current), []);
  const samples = useMemo(() => new Samples(id), [id]);
  const tick = useRef({ view, at: 0 });
  if (tick.current.view !== view || tick.current.at === 0) {
    samples.add(view, plan);
    tick.current = { view, at: tick.current.at + 1 };
  }
  useEffect(() => {
    const keep = (): void => samples.keep();
    addEventListener('pagehide', keep);
    return () => {
      keep();
      removeEventListener('pagehide', keep);
    };
  }, [samples]);
  const plots = useMemo(() => (shown ? plotsOf(shown.series) : []), [shown]);
  const seconds = useMemo(() => latencyOf(records), [records]);
  const latency = header.startedAt !== undefined && !bulk && !few ? seconds : undefined;
  const waits = hasWaits(header, guards);
  // Of a run in batches that is over nothing can be drawn that nobody has watched.
  const drawn = header.startedAt !== undefined && (few || !over || !bulk || samples.list.length > 2);
  // Cards stand in pairs: the last one is as wide as the page where it would stand alone.
  const oddly = ((drawn ? 1 : 0) + (latency ? 1 : 0) + plots.length) % 2 === 1;
  return html`<div class="cards">
    <${PARTS.Head} view=${view} plan=${plan} samples=${samples.list} me=${me} changed=${reload} />
    ${plan && header.startedAt === undefined ? html`<${PARTS.PlanCard} plan=${plan} header=${header} />` : null}
    <${PARTS.Explained} text=${explained} header=${header} wide=${!waits} />
    ${waits ? html`<${PARTS.Waits} header=${header} tasks=${tasks} guards=${guards} plan=${plan} />` : null}
    ${plan ? html`<${PARTS.KindPicture} header=${header} plan=${plan} tasks=${tasks} guards=${guards} done=${records} report=${report} shown=${shown ?? EMPTY} started=${header.startedAt !== undefined} over=${over} />` : null}
    ${plan && header.startedAt !== undefined ? html`<${PARTS.Stages} header=${header} plan=${plan} tasks=${tasks} done=${records} />` : null}
    ${few ? html`<${PARTS.Timeline} header=${header} done=${records} tasks=${tasks} />` : null}
    ${drawn && !few ? html`<${PARTS.Chart} header=${header} samples=${samples} done=${records} tick=${tick.current.at} bulk=${bulk} />` : null}
    ${latency ? html`<${PARTS.Latency} data=${latency} />` : null}
    ${plots.length > 0 ? html`<${PARTS.Series} plots=${plots} />` : null}
    <${EventLog} id=${id} over=${over} wide=${!oddly} heard=${heard.current} />
    ${report && header.startedAt !== undefined ? html`<${PARTS.ReportCard} report=${report} over=${over} />` : null}
  </div>`;
}

/** An answer that has come draws again what is made from it, and no other part of the page. */
const PARTS = {
  Head: kept(Head),
  PlanCard: kept(PlanCard),
  Explained: kept(Explained),
  Waits: kept(Waits),
  KindPicture: kept(KindPicture),
  Stages: kept(Stages),
  Timeline: kept(Timeline),
  Chart: kept(Chart),
  Latency: kept(Latency),
  Series: kept(Series),
  ReportCard: kept(ReportCard),
};

/** Asked for again when it has another hash or more stages. */
function usePlan(id: string, version: string, there: boolean): StoredPlan | undefined {
  return usePoll<StoredPlan | undefined>(
    async (signal) => (there ? call('GET /v1/operations/:id/plan', { params: { id } }, { signal }) : undefined),
    undefined,
    [id, version, there],
  ).value;
}

/** Records of ended tasks; asked for again when more have ended. */
function useRecords(id: string, version: string, there: boolean): readonly DoneRecord[] {
  const { value } = usePoll(
    async (signal) => (there ? (await call('GET /v1/operations/:id/tasks', { params: { id } }, { signal })).tasks : NONE),
    undefined,
    [id, version, there],
  );
  return value ?? NONE;
}

const NONE: DoneRecord[] = [];
const EMPTY: Shown = { exhibits: {}, series: {} };
