/** The address of an ensemble, as ZooKeeper's own tools write it: `zk1:2181,zk2:2181/root`. */
import { ZooKeeperAddress } from './errors.ts';

export const DEFAULT_PORT = 2181;

export interface Ensemble {
  hosts: { host: string; port: number }[];
  /** `/root`: every path is under it; empty when there is none. */
  chroot: string;
}

function parseHost(text: string, entry: string): { host: string; port: number } {
  // The client cuts at the first colon, so that an IPv6 address cannot be told from its port.
  if (entry.includes('[') || entry.split(':').length > 2) {
    throw ZooKeeperAddress({ text, reason: `"${entry}" looks like an IPv6 address, which the client does not understand; use a name` });
  }
  const [host = '', digits = String(DEFAULT_PORT)] = entry.split(':');
  if (!/^[\w.-]+$/.test(host)) throw ZooKeeperAddress({ text, reason: host === '' ? 'a host is missing' : `"${host}" is no host` });
  const port = Number(digits);
  if (!/^\d+$/.test(digits) || port < 1 || port > 65_535) throw ZooKeeperAddress({ text, reason: `"${digits}" is no port` });
  return { host, port };
}

/** Throws `LSH_ZOOKEEPER_ADDRESS`. A port that is left out is 2181. */
export function parseHosts(text: string): Ensemble {
  const trimmed = text.trim();
  const slash = trimmed.indexOf('/');
  const list = slash < 0 ? trimmed : trimmed.slice(0, slash);
  const chroot = slash < 0 ? '' : trimmed.slice(slash).replace(/\/+$/, '');
  if (chroot.includes('//') || chroot.includes('/.')) throw ZooKeeperAddress({ text, reason: `"${chroot}" is no path of a node` });
  const entries = list.split(',').map((entry) => entry.trim());
  if (list.trim() === '') throw ZooKeeperAddress({ text, reason: 'it names no host' });
  return { hosts: entries.map((entry) => parseHost(text, entry)), chroot };
}

export function formatHosts({ hosts, chroot }: Ensemble): string {
  return `${hosts.map(({ host, port }) => `${host}:${port}`).join(',')}${chroot}`;
}
