/** For machines: is the process there, can it work, and a few numbers in Prometheus's text format. */
import { storeAnswers } from '../guards.ts';
import { fleetMetrics } from '../metrics.ts';
import type { ApiSetup } from '../setup.ts';
import type { Api } from './api.ts';

export function healthRoutes(api: Api, setup: ApiSetup): void {
  api.get('/healthz', async () => ({ ok: true }));
  api.get('/readyz', async () => {
    await setup.ready();
    return { ok: true };
  });
  api.get('/metrics', async (_request, reply) => {
    const own = (await setup.metrics?.text()) ?? '';
    return reply.type('text/plain; version=0.0.4; charset=utf-8').send(own + (await fleetNumbers(setup)));
  });
}

/** Nothing while the store is away: that it is, `longshore_redis_up` says. */
async function fleetNumbers({ engine, metrics }: ApiSetup): Promise<string> {
  try {
    await storeAnswers(engine.store);
    return await fleetMetrics(engine);
  } catch (error) {
    if (metrics === undefined) throw error;
    engine.log.warn({ err: error }, 'the numbers of the fleet could not be read');
    return '';
  }
}
