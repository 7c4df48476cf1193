/** Throughput over time. The library is fetched when there is something to draw. */
import { count, short, times } from '../format.ts';
import { Card } from '../parts/small.ts';
import { curve, endedPerSecond, progressOf, type Sample, secondsOver } from '../progress.ts';
import { onThemeChange } from '../theme.ts';
import { type Content, html, useEffect, useMemo, useRef } from '../vendor/preact.js';
import type uPlot from '../vendor/uplot.js';
import type { DoneRecord, OperationHeader, OperationView, StoredPlan } from '../wire.ts';

const KEPT = 900;
const SMOOTH_MS = 6_000;
const BUCKETS = 60;
const HEIGHT = 220;
const REDRAW_MS = 2_000;

const key = (id: string): string => `longshore.samples.${id}`;

/** Numbers seen while somebody looked; they stay with the tab, so that a reload does not begin anew. */
export class Samples {
  readonly #id: string;
  readonly list: Sample[];
  constructor(id: string) {
    this.#id = id;
    this.list = JSON.parse(sessionStorage.getItem(key(id)) ?? '[]') as Sample[];
  }
  add({ header, tasks }: OperationView, plan: StoredPlan | undefined): void {
    const { dumped, restored, done, failed, share } = progressOf(header, tasks, plan?.stages);
    const values = dumped === undefined ? [done + failed] : [dumped, restored ?? 0];
    const at = Date.now();
    // After a break of the watching the speed across it would be made up.
    if (header.state !== 'running' && this.list.at(-1)?.values.every((value, index) => value === values[index])) return;
    this.list.push({ at, values, share });
    if (this.list.length > KEPT) this.list.splice(0, this.list.length - KEPT);
  }
  /** Those of other operations make room. */
  keep(): void {
    for (const other of Object.keys(sessionStorage)) if (other.startsWith(key(''))) sessionStorage.removeItem(other);
    sessionStorage.setItem(key(this.#id), JSON.stringify(this.list));
  }
}

export interface ChartProps {
  header: OperationHeader;
  samples: Samples;
  done: readonly DoneRecord[];
  /** Grows with every sample. */
  tick: number;
  bulk: boolean;
}

export function Chart({ header, samples, done, tick, bulk }: ChartProps): Content {
  const series = header.kind.startsWith('tsdb.');
  const names = series ? ['dumped', 'restored'] : ['ended'];
  const data = useMemo(() => {
    if (bulk) return curve(samples.list, SMOOTH_MS);
    const ends = done.map(({ endedAt }) => endedAt);
    return endedPerSecond(ends, BUCKETS, header.endedAt ?? Math.max(0, ...ends));
  }, [bulk ? tick : done, bulk, header.endedAt]);
  const enough = (data[0]?.length ?? 0) > 1;
  const newest = data.slice(1).map((column) => column.at(-1) ?? 0);
  const what = series ? 'Points a second' : 'Tasks ended a second';
  return html`<${Card} title=${what} name="chart" aside=${html`<span class="soft">${bulk ? 'since this page was opened' : 'from the records of its tasks'}</span>`}>
    ${
      enough
        ? html`<${Plot} data=${data} names=${names} tick=${data} />
          <ul class="key">
            ${names.map((name, at) => html`<li key=${name}><i class=${`line line-${at}`} aria-hidden="true"></i>${name} <b>${short(newest[at] ?? 0)}</b>/s</li>`)}
          </ul>`
        : html`<p class="soft">${isRunning(header) ? 'It is drawn as soon as there are some figures.' : `Nothing was seen of its run from here; ${count(header.counters.points ?? done.length)} in all.`}</p>`
    }
  </${Card}>`;
}

/** How long tasks took, over time, from the records of those that have ended; nothing where that would be no line. */
export function latencyOf(done: readonly DoneRecord[]): number[][] | undefined {
  const data = secondsOver(done, BUCKETS);
  return (data[0]?.length ?? 0) > 1 ? data : undefined;
}

export function Latency({ data }: { data: number[][] }): Content {
  return html`<${Card} title="Seconds a task takes" name="latency" aside=${html`<span class="soft">the middle one of each moment</span>`}>
    <${Plot} data=${data} names=${['seconds']} tick=${data} />
  </${Card}>`;
}

const isRunning = ({ state }: OperationHeader): boolean => state === 'running';

/** `tick` is another where `data` are. */
export function Plot({ data, names, tick }: { data: number[][]; names: string[]; tick: unknown }): Content {
  const box = useRef<HTMLElement | null>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const now = useRef(data);
  now.current = data;
  useEffect(() => {
    let gone = false;
    const element = box.current;
    if (!element) return undefined;
    const watcher = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height: HEIGHT }));
    const draw = async (): Promise<void> => {
      const { default: UPlot } = await import('../vendor/uplot.js');
      if (gone) return;
      plot.current?.destroy();
      plot.current = new UPlot(optionsFor(element, names), now.current as uPlot.AlignedData, element);
      watcher.observe(element);
    };
    void draw();
    const stop = onThemeChange(() => void draw());
    return () => {
      gone = true;
      stop();
      watcher.disconnect();
      plot.current?.destroy();
      plot.current = undefined;
    };
  }, [names.join()]);
  // In a turn of its own, after what else has changed is on the page, and not more often than a curve moves to the eye.
  const due = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const drawnAt = useRef(0);
  useEffect(() => {
    due.current ??= setTimeout(
      () => {
        due.current = undefined;
        drawnAt.current = Date.now();
        plot.current?.setData(now.current as uPlot.AlignedData);
      },
      Math.max(0, drawnAt.current + REDRAW_MS - Date.now()),
    );
  }, [tick]);
  useEffect(() => () => clearTimeout(due.current), []);
  return html`<div class="plot" ref=${box} role="img" aria-label=${`${names.join(' and ')} a second over time`}></div>`;
}

/** Here, with seconds where they matter. */
function clock(at: number, ticks: readonly number[]): string {
  const text = times(at * 1_000, at * 1_000).local;
  return (ticks[1] ?? 0) - (ticks[0] ?? 0) < 60 ? text : text.slice(0, 5);
}

function optionsFor(element: HTMLElement, names: readonly string[]): uPlot.Options {
  const style = getComputedStyle(element);
  const colour = (name: string): string => style.getPropertyValue(name).trim();
  const axis = {
    stroke: colour('--plot-ink'),
    grid: { stroke: colour('--plot-line'), width: 1 },
    ticks: { stroke: colour('--plot-line'), width: 1 },
    font: '11px system-ui',
  };
  return {
    width: element.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false, points: { show: false } },
    scales: { y: { range: (_, _low, high) => [0, high > 0 ? high * 1.15 : 1] } },
    axes: [
      { ...axis, values: (_, ticks) => ticks.map((at) => clock(at, ticks)), space: 64, size: 30 },
      { ...axis, size: 52, values: (_, ticks) => ticks.map((value) => short(value)) },
    ],
    series: [
      {},
      ...names.map((label, at) => ({
        label,
        stroke: colour(`--plot-${at}`),
        width: 2,
        // Told apart without colours.
        ...(at === 1 ? { dash: [6, 4] } : { fill: colour('--plot-fill') }),
        points: { show: false },
      })),
    ],
  };
}
