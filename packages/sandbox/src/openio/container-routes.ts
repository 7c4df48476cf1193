/** `/NS/container/…` and `/NS/content/…`: what clients ask for. */

import type { Ask, AskedProxy, Route } from './asking.ts';
import { jsonBody } from './asking.ts';
import { OioError } from './codes.ts';
import { asAdmin, assertInitiated, initiate, onAny, onMaster, propertiesOf, putObject } from './containers.ts';

const create: Route = async (proxy, ask) => {
  const account = ask.params.get('acct');
  const name = ask.params.get('ref');
  if (account === null || name === null) throw new OioError(400, 'Missing container identification');
  const cid = proxy.cid(ask);
  const { cluster } = proxy;
  const reference = cluster.meta1.create(cid, account, name);
  const { properties = {} } = jsonBody(ask) as { properties?: Record<string, string> };
  if (!reference.rows.some(({ type }) => type === 'meta2')) {
    proxy.drop(cid);
    cluster.meta1.force(cid, { type: 'meta2', seq: 1, hosts: cluster.pick(), args: '' }, false);
  }
  const made = await proxy.located(cid, (hosts, base) =>
    onMaster(cluster, hosts, (service) => initiate(cluster, service, base, { account, name }, properties)),
  );
  return { status: made ? 201 : 204 };
};

/** Through whichever replica: what it knows may be old. */
async function read(proxy: AskedProxy, ask: Ask): Promise<ReturnType<typeof propertiesOf>> {
  const cid = proxy.cid(ask);
  proxy.cluster.meta1.get(cid);
  return proxy.located(cid, (hosts, base) =>
    onAny(proxy.cluster, proxy.readers(hosts), async (service) => {
      await service.elected(base);
      const { admin } = service.file(base);
      assertInitiated(admin);
      return propertiesOf(admin);
    }),
  );
}

const getProperties: Route = async (proxy, ask) => ({ status: 200, json: await read(proxy, ask) });

const show: Route = async (proxy, ask) => {
  const { properties, system } = await read(proxy, ask);
  const headers = Object.fromEntries(
    Object.entries(system).map(([key, value]) => [`x-oio-container-meta-${key.replace(/[.:]/g, '-')}`, encodeURIComponent(value)]),
  );
  return { status: 200, json: { properties }, headers };
};

const setProperties: Route = async (proxy, ask) => {
  const cid = proxy.cid(ask);
  proxy.cluster.meta1.get(cid);
  const { properties, system } = jsonBody(ask) as { properties?: Record<string, string>; system?: Record<string, string> };
  await proxy.located(cid, (hosts, base) =>
    onMaster(proxy.cluster, hosts, (service) => service.write(base, { admin: asAdmin(properties, system) }, assertInitiated)),
  );
  return { status: 204 };
};

const delProperties: Route = async (proxy, ask) => {
  const cid = proxy.cid(ask);
  const keys = jsonBody(ask) as unknown as string[];
  await proxy.located(cid, (hosts, base) =>
    onMaster(proxy.cluster, hosts, (service) =>
      service.write(base, { admin: Object.fromEntries(keys.map((key) => [`user.${key}`, null])) }, assertInitiated),
    ),
  );
  return { status: 204 };
};

/** Tells of the container's state; nothing in the base changes. */
const touch: Route = async (proxy, ask) => {
  await proxy.located(proxy.cid(ask), (hosts, base) => onMaster(proxy.cluster, hosts, (service) => service.asMaster(base)));
  return { status: 204 };
};

const putContent: Route = async (proxy, ask) => {
  const name = ask.params.get('path');
  if (name === null) throw new OioError(400, 'Missing path');
  const size = Number(ask.headers['x-oio-content-meta-length'] ?? 4);
  await proxy.located(proxy.cid(ask), (hosts, base) =>
    onMaster(proxy.cluster, hosts, (service) => putObject(service, base, { name, size })),
  );
  return { status: 204 };
};

const listContents: Route = async (proxy, ask) => {
  const cid = proxy.cid(ask);
  proxy.cluster.meta1.get(cid);
  const objects = await proxy.located(cid, (hosts, base) =>
    onAny(proxy.cluster, proxy.readers(hosts), async (service) => {
      await service.elected(base);
      const file = service.file(base);
      assertInitiated(file.admin);
      return file.objects().map((name) => ({ name }));
    }),
  );
  return { status: 200, json: { prefixes: [], properties: {}, objects } };
};

export const containerRoutes: Readonly<Record<string, Route>> = {
  'POST container/create': create,
  'GET container/show': show,
  'POST container/get_properties': getProperties,
  'POST container/set_properties': setProperties,
  'POST container/del_properties': delProperties,
  'POST container/touch': touch,
  'GET container/list': listContents,
  'POST content/create': putContent,
};
