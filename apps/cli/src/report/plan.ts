/** A plan as people read it. Pure. */
import type { StoredPlan } from '@longshore/core';
import type { Style } from '../terminal.ts';
import { count } from '../text.ts';
import { type KindView, tableLines } from './view.ts';

const FINDING_STYLE = { info: 'cyan', warning: 'yellow', error: 'red' } as const;

/** A plan may have hundreds, as many as containers are moved; `--json` has them all. */
const LEASES_SHOWN = 4;

/** Of what plans expect: `batches`, `counters`, … */
const singular = (many: string): string => many.replace(/(?<=ch)es$|s$/, '');

/** `view`: what its kind adds. */
export function planText(plan: StoredPlan, style: (style: Style, text: string) => string, view?: KindView): string {
  const lines = [style('bold', 'Plan'), ...plan.summary.map((line) => `  ${line}`)];
  for (const { level, text, error } of plan.findings) {
    lines.push(`  ${style(FINDING_STYLE[level], `${level}:`)} ${text}`);
    if (error) lines.push(`    ${error.fix}`);
  }
  for (const table of view?.planTables?.(plan) ?? []) lines.push(...tableLines(table, style));
  lines.push(style('bold', 'Steps'));
  plan.stages.forEach(({ title, concurrency, tasks, bulk, always, approval, guard }, at) => {
    const units = bulk ? (bulk.only?.length ?? bulk.count) : (tasks?.length ?? 0);
    const many = units > 1 ? ` (${count(units)}, up to ${count(Math.min(units, concurrency))} at once)` : '';
    lines.push(`  ${at + 1}. ${title}${many}${always ? style('dim', ' [also after a failure]') : ''}`);
    if (approval) lines.push(style('yellow', `     asks before it begins, under --approvals cutover: ${approval}`));
    if (guard?.opens) lines.push(style('dim', `     opens ${guard.opens.join(', ')}`));
    if (guard?.ends) lines.push(style('dim', `     ends ${guard.ends.join(', ')}`));
  });
  const expect = Object.entries(plan.expect).map(([what, number]) => `${count(number)} ${number === 1 ? singular(what) : what}`);
  if (expect.length > 0) lines.push(`${style('bold', 'Expects')} ${expect.join(', ')}`);
  if (plan.leases.length > 0) {
    const taken = plan.leases.slice(0, LEASES_SHOWN).map(({ target, scope }) => (scope === '' ? target : `${target} (${scope}…)`));
    const more = plan.leases.length - taken.length;
    lines.push(`${style('bold', 'Takes for itself while it runs')} ${taken.join(', ')}${more > 0 ? ` and ${count(more)} more` : ''}`);
  }
  lines.push(style('dim', `plan ${plan.hash}, made ${new Date(plan.madeAt).toISOString().slice(0, 19).replace('T', ' ')} UTC`));
  return `${lines.join('\n')}\n`;
}
