/** An operation of a list in a few words. Pure. */
import type { OperationHeader } from './wire.ts';

/** Of several that are meant, so many are named. */
const NAMED = 3;

/** What it works on, as its params name it: `otsdb-old → vm-new`, `customer: vt-main`. */
export function aboutOf(params: OperationHeader['params']): string {
  if (params === null || typeof params !== 'object' || Array.isArray(params)) return '';
  const one = (...names: string[]): string | undefined => {
    const found = names.map((name) => params[name]).find((value) => value !== undefined);
    const text = Array.isArray(found) ? found.slice(0, NAMED).join(', ') : found;
    return typeof text === 'string' && text !== '' ? text : undefined;
  };
  const [from, to] = [one('source', 'sourceKeyspace', 'source_keyspace'), one('sink', 'meta', 'targetKeyspace', 'dest_keyspace')];
  const way =
    from && to ? `${from} → ${to}` : (from ?? to ?? one('cluster', 'namespace', 'service', 'services', 'proxies', 'vtctld_endpoint'));
  const what = one('table', 'keyspace', 'endpoints', 'endpoint', 'container', 'cid', 'counters', 'tables', 'metricsPrefix');
  return what && way ? `${what}: ${way}` : (what ?? way ?? '');
}
