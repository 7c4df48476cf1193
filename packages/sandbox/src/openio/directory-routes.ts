/** `/NS/reference/…`, `/NS/conscience/…`, `/NS/lb/…`: where things are, and where they might go. */

import type { Ask, Route } from './asking.ts';
import { jsonBody } from './asking.ts';
import { OioError } from './codes.ts';
import type { Meta2 } from './meta2.ts';

const DIRECTORY = [
  { seq: 1, type: 'meta0', host: '127.0.0.1:16001', args: '' },
  ...['127.0.0.1:16010', '127.0.0.1:16011', '127.0.0.1:16012'].map((host) => ({ seq: 1, type: 'meta1', host, args: '' })),
];

function typeOf({ params }: Ask): string {
  const type = params.get('type');
  if (type === null) throw new OioError(400, 'No service type provided');
  return type;
}

const show: Route = async (proxy, ask) => {
  const cid = proxy.cid(ask);
  const { meta1, random } = proxy.cluster;
  const { account, name } = meta1.get(cid);
  const type = ask.params.get('type');
  const rows = meta1.services(cid, type ?? undefined);
  if (type === 'meta2' && rows.length > 0) proxy.locate(cid);
  const srv = rows.map((row) => ({ row, at: random.next() })).sort((a, b) => a.at - b.at);
  return { status: 200, json: { dir: DIRECTORY, srv: srv.map(({ row }) => row), cid, account, name } };
};

const link: Route = async (proxy, ask) => {
  const type = typeOf(ask);
  const cid = proxy.cid(ask);
  const { meta1 } = proxy.cluster;
  if (meta1.services(cid, type).length === 0) {
    meta1.force(cid, { type, seq: 1, hosts: proxy.cluster.pick(), args: '' }, false);
    proxy.drop(cid);
  }
  return { status: 200, json: meta1.services(cid, type) };
};

const unlink: Route = async (proxy, ask) => {
  const cid = proxy.cid(ask);
  proxy.cluster.meta1.unlink(cid, typeOf(ask));
  proxy.drop(cid);
  return { status: 204 };
};

const force: Route = async (proxy, ask) => {
  const type = typeOf(ask);
  const cid = proxy.cid(ask);
  const body = jsonBody(ask);
  for (const field of ['seq', 'type', 'host', 'args']) if (body[field] === undefined) throw new OioError(400, `Missing field [${field}]`);
  const row = { type, seq: Number(body.seq), hosts: String(body.host).split(','), args: String(body.args) };
  proxy.cluster.meta1.force(cid, row, /^(1|yes|true|on)$/.test(ask.params.get('replace') ?? ''));
  proxy.drop(cid);
  return { status: 204 };
};

function describe({ id, volume, tags, alive }: Meta2, full: boolean): object {
  return {
    addr: id,
    score: tags.score,
    scores: { 'score.put': tags.score, 'score.get': tags.score },
    tags: {
      'tag.loc': tags.location,
      'tag.slots': tags.slots,
      'tag.up': tags.up && alive,
      'tag.getlock': false,
      'tag.putlock': false,
      'tag.lock': false,
      'tag.vol': volume,
      ...(full ? { 'stat.space': 90, 'stat.cpu': 95, 'stat.io': 95 } : {}),
    },
  };
}

const list: Route = async (proxy, ask) => {
  const type = ask.params.get('type');
  if (type === null) throw new OioError(400, 'Missing type');
  if (type !== 'meta2') throw new OioError(453, `Service type [${type}] not managed`);
  const full = /^(1|yes|true|on)$/.test(ask.params.get('full') ?? '');
  return { status: 200, json: [...proxy.cluster.services.values()].map((service) => describe(service, full)) };
};

function locked(score: (given: { score?: number }) => number): Route {
  return async (proxy, ask) => {
    const { addr, ...rest } = jsonBody(ask) as { addr?: string; score?: number };
    const service = proxy.cluster.services.get(addr ?? '');
    if (!service) throw new OioError(453, `Service [${addr}] not found`);
    service.tags.score = score(rest);
    return { status: 204 };
  };
}

const poll: Route = async (proxy, ask) => {
  const { avoid = [], known = [] } = jsonBody(ask) as { avoid?: string[]; known?: string[] };
  const idOf = (text: string): string => text.split('|')[2] ?? text;
  const picked = proxy.cluster.pick(known.map(idOf), avoid.map(idOf));
  return { status: 200, json: picked.map((id) => ({ addr: id, id: `${proxy.cluster.namespace}|meta2|${id}` })) };
};

const UNLOCKED_SCORE = 67;

export const directoryRoutes: Readonly<Record<string, Route>> = {
  'GET reference/show': show,
  'POST reference/link': link,
  'POST reference/unlink': unlink,
  'POST reference/force': force,
  'GET conscience/list': list,
  'POST conscience/lock': locked(({ score = 0 }) => score),
  'POST conscience/unlock': locked(() => UNLOCKED_SCORE),
  'POST lb/poll': poll,
};
