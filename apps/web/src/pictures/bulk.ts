/** Tasks made on demand, of a kind without a picture of its own: every unit a cell. */
import { type Content, html } from '../vendor/preact.js';
import { Grid, type GridWords } from './grid.ts';
import type { PictureProps } from './picture.ts';
import { unitOfTask } from './units.ts';

/** `behind` is said beside the units of what goes on until its end is asked for. */
export function drawBulk(props: PictureProps, words?: GridWords, behind?: string): Content {
  const { header, plan, tasks, report, started, over } = props;
  if (!started) return null;
  const failed = failedUnits(report);
  return plan.stages.map((spec, at) => {
    const stage = header.stages[at];
    return spec.bulk && stage
      ? html`<${Grid} key=${`${at}-${spec.name}`} plan=${plan} spec=${spec} stage=${stage} tasks=${tasks} failed=${failed} over=${over} words=${words} beside=${spec.bulk.endless && !over ? behind : undefined} />`
      : null;
  });
}

/** Tasks that are out of attempts leave a note under their name. */
function failedUnits(report: PictureProps['report']): ReadonlySet<number> {
  const failed = new Set<number>();
  for (const { level, row } of report?.notes ?? []) {
    const unit = level === 'error' && row !== undefined ? unitOfTask(row) : undefined;
    if (unit !== undefined) failed.add(unit);
  }
  return failed;
}
