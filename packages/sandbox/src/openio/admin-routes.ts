/** `/NS/admin/…`: what is asked of all services at once, and what changes one base. */

import type { Answer, Ask, AskedProxy, Route } from './asking.ts';
import { jsonBody } from './asking.ts';
import { OioError } from './codes.ts';
import { asAdmin, changeStatus, onAny, onMaster, propertiesOf } from './containers.ts';
import type { Meta2 } from './meta2.ts';

type PerPeer = (service: Meta2, base: string) => Promise<unknown>;

function typed({ params }: Ask): void {
  if (params.get('type') === null) throw new OioError(400, 'No service type');
}

function idsOf({ params }: Ask): string[] | undefined {
  const given = params.get('service_id');
  return given === null || given === '' ? undefined : given.split(',');
}

/** Every service answers for itself; the whole is a 200 whatever they say. */
async function runAll(proxy: AskedProxy, ids: readonly string[], base: string, run: PerPeer): Promise<Answer> {
  const answers = await Promise.all(
    ids.map(async (id): Promise<[string, object]> => {
      try {
        const body = await run(proxy.cluster.service(id), base);
        return [id, { status: { status: 200, message: 'OK' }, body: body === undefined ? '' : body }];
      } catch (error) {
        if (!(error instanceof OioError)) throw error;
        return [id, { status: { status: error.code, message: error.message }, body: '' }];
      }
    }),
  );
  const shuffled = answers.map((answer) => ({ answer, at: proxy.cluster.random.next() })).sort((a, b) => a.at - b.at);
  return { status: 200, json: Object.fromEntries(shuffled.map(({ answer }) => answer)) };
}

function onAll(run: PerPeer): Route {
  return async (proxy, ask) => {
    typed(ask);
    const cid = proxy.cid(ask);
    const ids = idsOf(ask);
    if (!ids) proxy.cluster.meta1.get(cid);
    return runAll(proxy, ids ?? proxy.locate(cid), `${cid}.${proxy.seq(cid)}`, run);
  };
}

const leave = onAll((service, base) => service.leave(base));

const status = onAll(async (service, base) => {
  try {
    await service.asMaster(base);
  } catch (error) {
    if (error instanceof OioError && error.code === 503) throw new OioError(500, error.message);
    throw error;
  }
});

/** Never begins an election. */
const debug = onAll(async (service, base) => {
  service.assertAlive();
  return service.members.get(base)?.describe() ?? null;
});

const ping = onAll(async (service, base) => {
  service.member(base).start();
});

const has = onAll(async (service, base) => {
  const file = service.file(base);
  if (!file.exists) throw new OioError(431, 'Container not found : (2) No such file or directory');
  return `${file.path}:${file.mtimeSeconds}`;
});

const sync = onAll(async (service, base) => {
  const member = await service.elected(base);
  if (member.state !== 'SLAVE') throw new OioError(301, 'not SLAVE');
  await service.cluster.transfer(member.masterUrl ?? '', service.id, base);
});

const remove: Route = async (proxy, ask) => {
  typed(ask);
  const ids = idsOf(ask);
  if (!ids) throw new OioError(400, 'No service ID');
  const cid = proxy.cid(ask);
  return runAll(proxy, ids, `${cid}.${proxy.seq(cid)}`, async (service, base) => ({ deleted: service.removeBase(base) }));
};

/** Somebody who does not exist refuses the connection, as everybody does who is down. */
const copy: Route = async (proxy, ask) => {
  typed(ask);
  const cid = proxy.cid(ask);
  const { to, from } = jsonBody(ask);
  if (typeof to !== 'string') throw new OioError(400, 'Invalid target URL');
  const base = `${cid}.${proxy.seq(cid)}`;
  const target = proxy.cluster.service(to);
  if (typeof from === 'string') await target.restoreFrom(base, proxy.cluster.service(from));
  else
    await onMaster(proxy.cluster, proxy.locate(cid), async (service) => {
      await service.asMaster(base);
      await target.restoreFrom(base, service);
    });
  return { status: 204 };
};

function statusChange(change: 'freeze' | 'enable' | 'disable'): Route {
  return async (proxy, ask) => {
    typed(ask);
    const cid = proxy.cid(ask);
    const ids = idsOf(ask);
    if (ids && ids.length > 1) throw new OioError(400, 'Directory error: Only one service can be requested');
    if (ids) return runAll(proxy, ids, `${cid}.${proxy.seq(cid)}`, (service, base) => changeStatus(service, base, change));
    await proxy.located(cid, (hosts, base) => onMaster(proxy.cluster, hosts, (service) => changeStatus(service, base, change)));
    return { status: 200, json: {} };
  };
}

const getProperties: Route = async (proxy, ask) => {
  typed(ask);
  const cid = proxy.cid(ask);
  const forced = /^(1|yes|true|on)$/.test(String(ask.headers['x-oio-force-master'] ?? ''));
  const read = async (service: Meta2, base: string): Promise<object> => {
    if (forced) await service.asMaster(base);
    else await service.elected(base);
    return propertiesOf(service.file(base).admin);
  };
  const ids = idsOf(ask);
  const json = await (ids
    ? onAny(proxy.cluster, ids, async (service) => {
        const base = `${cid}.${proxy.seq(cid)}`;
        if (!service.file(base).exists) throw new OioError(431, 'Container not found : (2) No such file or directory');
        return propertiesOf(service.file(base).admin);
      })
    : proxy.located(cid, (hosts, base) =>
        forced
          ? onMaster(proxy.cluster, hosts, (service) => read(service, base))
          : onAny(proxy.cluster, proxy.readers(hosts), (service) => read(service, base)),
      ));
  return { status: 200, json };
};

const setProperties: Route = async (proxy, ask) => {
  typed(ask);
  const cid = proxy.cid(ask);
  const { properties, system } = jsonBody(ask) as { properties?: Record<string, string>; system?: Record<string, string> };
  await proxy.located(cid, (hosts, base) =>
    onMaster(proxy.cluster, hosts, (service) => service.write(base, { admin: asAdmin(properties, system) })),
  );
  return { status: 204 };
};

const delProperties: Route = async (proxy, ask) => {
  typed(ask);
  const cid = proxy.cid(ask);
  const keys = jsonBody(ask) as unknown as string[];
  await proxy.located(cid, (hosts, base) =>
    onMaster(proxy.cluster, hosts, (service) =>
      service.write(base, { admin: Object.fromEntries(keys.map((key) => [`user.${key}`, null])) }),
    ),
  );
  return { status: 204 };
};

export const adminRoutes: Readonly<Record<string, Route>> = {
  'POST admin/leave': leave,
  'POST admin/status': status,
  'POST admin/debug': debug,
  'POST admin/ping': ping,
  'POST admin/has': has,
  'POST admin/sync': sync,
  'POST admin/remove': remove,
  'POST admin/copy': copy,
  'POST admin/freeze': statusChange('freeze'),
  'POST admin/enable': statusChange('enable'),
  'POST admin/disable': statusChange('disable'),
  'POST admin/get_properties': getProperties,
  'POST admin/set_properties': setProperties,
  'POST admin/del_properties': delProperties,
};
