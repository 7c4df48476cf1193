/**
 * An rdir: what each meta2 service has noted of its bases, sorted, in pages. Routes and shapes are from OpenIO's sources; no real one was
 * watched.
 */
import type { Clock } from '@longshore/core';
import { systemClock } from '@longshore/core';
import type { Exchange, Reply, StandIn } from '../stand-in.ts';
import { startStandIn } from '../stand-in.ts';

export interface RdirRecord {
  container_id: string;
  /** `NS/ACCOUNT/CONTAINER` */
  container_url: string;
  mtime: number;
}

export interface RdirStandIn extends AsyncDisposable {
  readonly standIn: StandIn<undefined>;
  readonly url: string;
  /** By service, then by `container_url`. */
  readonly notes: Map<string, Map<string, RdirRecord>>;
  note(service: string, record: Omit<RdirRecord, 'mtime'>): void;
}

const PAGE = 4_096;

/** It knows nothing yet. */
export async function startRdir({ clock = systemClock }: { clock?: Clock } = {}): Promise<RdirStandIn> {
  const notes: RdirStandIn['notes'] = new Map();
  const note: RdirStandIn['note'] = (service, record) => {
    const own = notes.get(service) ?? new Map<string, RdirRecord>();
    notes.set(service, own);
    own.set(record.container_url, { ...record, mtime: Math.floor(clock.now() / 1_000) });
  };
  const standIn = await startStandIn<undefined>({ settings: undefined, clock, handle: (exchange) => answer(exchange, notes, note) });
  return { standIn, url: standIn.url, notes, note, [Symbol.asyncDispose]: () => standIn.close() };
}

function answer({ method, path, params, body }: Exchange, notes: RdirStandIn['notes'], note: RdirStandIn['note']): Reply {
  const route = `${method} ${path}`;
  const service = params.get('vol');
  if (!/^(GET \/v1\/rdir\/meta2\/fetch|POST \/v1\/rdir\/meta2\/(push|delete))$/.test(route)) return said(404, 'No handler found');
  if (service === null) return said(400, 'No volume id provided');
  if (route.endsWith('/fetch')) {
    const own = notes.get(service);
    if (!own) return said(404, `No such volume ${service}`);
    const marker = params.get('marker') ?? '';
    const records = [...own.values()].sort((a, b) => (a.container_url < b.container_url ? -1 : 1));
    return {
      status: 200,
      body: JSON.stringify(records.filter((one) => one.container_url > marker).slice(0, Number(params.get('limit') ?? PAGE))),
    };
  }
  const record = recordOf(body);
  if (!record) return said(400, 'Invalid record');
  if (route.endsWith('/push')) note(service, record);
  else notes.get(service)?.delete(record.container_url);
  return { status: 204 };
}

function recordOf(body: Buffer): Omit<RdirRecord, 'mtime'> | undefined {
  try {
    const { container_id, container_url } = JSON.parse(body.toString()) as Partial<RdirRecord>;
    return typeof container_id === 'string' && typeof container_url === 'string' ? { container_id, container_url } : undefined;
  } catch {
    return undefined;
  }
}

function said(status: number, message: string): Reply {
  return { status, body: JSON.stringify({ status, message }) };
}
