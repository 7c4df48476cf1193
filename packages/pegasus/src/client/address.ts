/** Addresses of servers, as people and configurations write them. */
import { PegasusAddress } from './errors.ts';

/** `host:port,host:port`, with or without `pegasus://` before it. Throws `LSH_PEGASUS_ADDRESS`. */
export function parseMetas(text: string): string[] {
  const entries = text
    .replace(/^pegasus:\/\//i, '')
    .replace(/\/+$/, '')
    .split(',')
    .map((entry) => entry.trim());
  for (const entry of entries) {
    const [host = '', port = '', ...more] = entry.split(':');
    if (more.length > 0 || !/^[\w.-]+$/.test(host)) throw PegasusAddress({ text, reason: `"${entry}" is not host:port` });
    if (!/^\d+$/.test(port) || Number(port) < 1 || Number(port) > 65_535) throw PegasusAddress({ text, reason: `"${entry}" has no port` });
  }
  if (new Set(entries).size < entries.length) throw PegasusAddress({ text, reason: 'it names a server twice' });
  return entries;
}

/** What went wrong, also of an error that is a bundle of others, as that of a name with several addresses. */
export function errorMessage(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(errorMessage).join('; ');
  return error instanceof Error ? error.message : String(error);
}
