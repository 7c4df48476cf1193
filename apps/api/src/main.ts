import { counter } from '@longshore/counter';
import { awaitRedis, checkRedis } from '@longshore/fleet';
import type { Running, Setup } from '@longshore/host';
import { openEngine, processMetrics, runProcess } from '@longshore/host';
import { openio } from '@longshore/openio';
import { openmldb } from '@longshore/openmldb';
import { createService } from '@longshore/operations';
import { pegasus } from '@longshore/pegasus';
import { tsdb } from '@longshore/tsdb';
import { vitess } from '@longshore/vitess';
import { listenAutomation } from './automation.ts';
import { authAt, listen } from './listen.ts';
import { buildServer } from './server.ts';
import { tlsServer } from './tls.ts';

await runProcess('api', [tsdb, pegasus, openmldb, openio, vitess, counter], async (setup: Setup): Promise<Running> => {
  const { configuration, redisUrl, log } = setup;
  const { socket, requestsPerSecond, streams } = configuration.api;
  const auth = authAt(configuration.api.listen, configuration.api.auth);
  const places = [{ wanted: configuration.api.listen, auth }];
  if (socket !== undefined) places.push({ wanted: `unix:${socket}`, auth: 'none' });
  await awaitRedis(redisUrl, log);
  const engine = await openEngine(setup);
  if (auth === 'tokens' && socket === undefined && (await engine.store.tokens()).length === 0)
    log.warn({}, 'nobody can use this API: it asks for tokens, there are none, and `api.socket`, where the first one is made, is not set');
  const { tls } = configuration.api;
  if (auth === 'tokens' && tls === undefined && !configuration.api.listen.startsWith('unix:'))
    log.warn({}, 'tokens go over the network as they are: set `api.tls`, or put a proxy with TLS before this API');
  const metrics = processMetrics(engine.store, 'api');
  const servers = places.map((place) =>
    buildServer({
      engine: { ...engine, settings: { ...engine.settings, fourEyes: configuration.operations.fourEyes ?? auth === 'tokens' } },
      host: configuration.host,
      auth: place.auth,
      limits: { requestsPerSecond, streams },
      targets: configuration.targets,
      allowAddresses: configuration.allowAddresses,
      ...(tls === undefined || place.wanted.startsWith('unix:') ? {} : { tls: tlsServer(tls, log) }),
      metrics,
      ready: async () => void (await checkRedis(redisUrl)),
    }),
  );
  for (const [at, { wanted, auth: its }] of places.entries()) log.info({ address: await listen(servers[at]!, wanted), auth: its }, 'ready');
  const old = configuration.api.automation;
  const automation = old === undefined ? undefined : await listenAutomation(old, engine, createService(engine));
  if (automation) log.info({ address: old, port: automation.port }, 'the automation of old is ready');
  return {
    worker: `api-${configuration.host}-${process.pid}`,
    async stop() {
      await automation?.[Symbol.asyncDispose]();
      for (const server of servers) await server.close();
      await engine.close();
    },
  };
});
