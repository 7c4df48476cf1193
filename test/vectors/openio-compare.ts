/**
 * What of a recorded reply must be the same: all of it but times, paths of volumes, numbers and paths of ZooKeeper, and the order of what
 * has none.
 */
import { PeerReply } from './openio-shapes.ts';

type Shown = unknown;

/** A reply without what may differ, for comparing. */
export function comparable(route: string, value: unknown): Shown {
  if (value === null || value === undefined || value === '') return null;
  if (typeof value !== 'object') return value;
  if (isError(value)) return { status: electionCode(value), message: message(value.message) };
  switch (route) {
    case 'GET reference/show': {
      const { dir, srv, ...rest } = value as { dir: object[]; srv: object[] };
      return { ...rest, dir: asSet(dir), srv: asSet(srv) };
    }
    case 'POST reference/link':
    case 'POST lb/poll':
      return asSet(value as object[]);
    case 'GET conscience/list':
      return asSet((value as { tags: Record<string, unknown> }[]).map(({ tags: { 'tag.vol': _volume, ...tags }, ...rest }) => ({ ...rest, tags })));
    case 'POST container/get_properties':
    case 'POST admin/get_properties': {
      const { properties, system } = value as { properties: object; system: Record<string, string> };
      const { 'sys.m2.ctime': _time, ...rest } = system;
      return { properties, system: rest };
    }
    default:
      return isPerPeer(value) ? perPeer(route, value) : value;
  }
}

function asSet(values: object[]): object[] {
  return [...values].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

function isError(value: object): value is { status: number; message: string } {
  return 'status' in value && 'message' in value && typeof value.status === 'number' && Object.keys(value).length === 2;
}

export function isPerPeer(value: unknown): value is Record<string, PeerReply> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const all = Object.values(value);
  return all.length > 0 && all.every((one) => PeerReply.safeParse(one).success);
}

type PeerReply = { status: { status: number; message: string }; body: unknown };

function perPeer(route: string, value: Record<string, PeerReply>): Shown {
  return Object.fromEntries(
    Object.entries(value).map(([id, { status, body }]) => [
      id,
      { status: { status: electionCode(status), message: message(status.message) }, body: bodyOf(route, body) },
    ]),
  );
}

/** How long an election is waited for, and so where it is given up, is a matter of settings. */
function electionCode({ status, message: text }: { status: number; message: string }): number {
  return text.startsWith('Election failed') ? 503 : status;
}
function message(text: string): string {
  return text.startsWith('Election failed') ? 'Election failed' : text;
}

interface Described {
  local: { id: number | null; url: string; state: string };
  master: { id: number | null; url: string | null };
  base: { name: string; type: string; zk: string };
  peers: string[] | null;
  log: string[];
}

function bodyOf(route: string, body: unknown): Shown {
  if (route === 'POST admin/has' && typeof body === 'string') return body.split('/').slice(-2).join('/').replace(/:\d+$/, '');
  if (route !== 'POST admin/debug' || typeof body !== 'object' || body === null) return body === '' ? '' : body;
  const { local, master, base, peers, log } = body as Described;
  return {
    local: { joined: local.id !== null, url: local.url, state: local.state },
    master: { known: master.id !== null, url: master.url },
    base: { name: base.name, type: base.type, key: base.zk.split('/').at(-1) },
    peers: peers === null ? null : [...peers].sort(),
    // What led to the present state; how often it had been elected before differs.
    since: log.slice(0, 2).map((entry) => entry.split(':').slice(1).join(':'))[0],
  };
}
