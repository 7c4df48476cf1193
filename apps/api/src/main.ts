import { counter } from '@longshore/counter';
import { awaitRedis, checkRedis } from '@longshore/fleet';
import type { Running, Setup } from '@longshore/host';
import { openEngine, runProcess } from '@longshore/host';
import { tsdb } from '@longshore/tsdb';
import { listen, parseListen } from './listen.ts';
import { buildServer } from './server.ts';

await runProcess('api', [tsdb, counter], async (setup: Setup): Promise<Running> => {
  const { configuration, redisUrl, log } = setup;
  const wanted = configuration.api.listen;
  parseListen(wanted);
  await awaitRedis(redisUrl, log);
  const engine = openEngine(setup);
  const server = buildServer({
    engine,
    host: configuration.host,
    targets: configuration.targets,
    allowAddresses: configuration.allowAddresses,
    ready: async () => void (await checkRedis(redisUrl)),
  });
  const address = await listen(server, wanted);
  log.info({ address }, 'ready');
  return {
    worker: `api-${configuration.host}-${process.pid}`,
    async stop() {
      await server.close();
      await engine.close();
    },
  };
});
