import { readFileSync } from 'node:fs';

interface Observed {
  /** Number text sent alone in a block, and how it was exported. */
  singleValueRoundTrip: [string, string][];
  sharedBlockRoundTrip: { in: string[]; out: string[] }[];
}

/** What was seen on a real VictoriaMetrics. */
export const observed: Observed = JSON.parse(
  readFileSync(new URL('../../../test/vectors/tsdb/vm_observed.json', import.meta.url), 'utf8'),
) as Observed;
