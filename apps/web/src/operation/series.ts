/** Numbers that the tasks of an operation have noted over time: a backlog, a lag. A plot for each. */
import { capital, count } from '../format.ts';
import { Card } from '../parts/small.ts';
import { type Content, html } from '../vendor/preact.js';
import type { Shown } from '../wire.ts';
import { Plot } from './chart.ts';

const MOST = 4;

type Plotted = [name: string, points: Shown['series'][string]];

/** Those that are drawn: one point is no line. */
export function plotsOf(series: Shown['series']): Plotted[] {
  return Object.entries(series)
    .filter(([, points]) => points.length > 1)
    .slice(0, MOST);
}

export function Series({ plots }: { plots: readonly Plotted[] }): Content {
  return plots.map(([name, points]) => {
    const [at, value] = points.at(-1)!;
    return html`<${Card} key=${name} title=${capital(name)} name=${`series-${name}`} aside=${html`<span class="soft">now ${count(value)}</span>`}>
      <${Plot} data=${[points.map(([time]) => time / 1_000), points.map(([, one]) => one)]} names=${[name]} tick=${at} />
    </${Card}>`;
  });
}
