/** `/cache/…` and `/forward/…`: of the proxy itself, and of one service. */

import type { Ask, AskedProxy, Route } from './asking.ts';
import { jsonBody } from './asking.ts';
import { OioError } from './codes.ts';
import type { Meta2 } from './meta2.ts';

function flush(what: string): Route {
  return async (proxy) => {
    proxy.flush(what);
    return { status: 204 };
  };
}

function serviceOf(proxy: AskedProxy, { params }: Ask): Meta2 {
  const id = params.get('id');
  if (id === null) throw new OioError(400, 'Missing id');
  return proxy.cluster.service(id);
}

export const serviceRoutes: Readonly<Record<string, Route>> = {
  'GET cache/status': async (proxy) => ({ status: 200, json: proxy.cacheStatus() }),
  'POST cache/flush/low': flush('low'),
  'POST cache/flush/high': flush('high'),
  'POST cache/flush/local': flush('local'),
  'GET forward/config': async (proxy, ask) => ({ status: 200, json: { ...serviceOf(proxy, ask).config } }),
  'POST forward/config': async (proxy, ask) => ({
    status: 200,
    json: serviceOf(proxy, ask).setConfig(jsonBody(ask) as Record<string, string>),
  }),
  'GET forward/ping': async (proxy, ask) => {
    serviceOf(proxy, ask);
    return { status: 200, json: null };
  },
  'POST forward/flush': async (proxy, ask) => {
    serviceOf(proxy, ask);
    return { status: 204 };
  },
  'POST forward/reload': async (proxy, ask) => {
    serviceOf(proxy, ask);
    return { status: 204 };
  },
};
