/** The metrics of a selection, as the source names them now. */
import type { Discovery, OpenTsdbClient } from '../client/opentsdb/index.ts';
import type { Selection } from '../plan/selection.ts';
import { prefixesToAsk, selectMetrics } from '../plan/selection.ts';

/** Asks for each prefix of a selection, and leaves out what is not meant. */
export async function selectedMetrics(source: OpenTsdbClient, selection: Selection, signal: AbortSignal): Promise<Discovery> {
  const names = new Set<string>();
  const reasons: string[] = [];
  for (const prefix of prefixesToAsk(selection)) {
    const found = await source.metrics(prefix, { signal });
    for (const metric of found.metrics) names.add(metric);
    if (!found.complete) reasons.push(found.reason ?? 'the source did not say why');
  }
  const metrics = selectMetrics([...names].sort(), selection);
  return reasons.length === 0 ? { metrics, complete: true } : { metrics, complete: false, reason: reasons.join('; ') };
}
