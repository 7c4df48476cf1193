/** What the fleet consists of and can do: kinds, workers, spools, targets. */
import { SCHEMAS } from '@longshore/contract';
import type { Service } from '@longshore/operations';
import { z } from 'zod';
import { userOf } from '../caller.ts';
import { SpoolsFixed, SpoolTaken } from '../errors.ts';
import type { ApiSetup } from '../setup.ts';
import type { Api } from './api.ts';

export function fleetRoutes(api: Api, service: Service, { engine, host, targets, allowAddresses }: ApiSetup): void {
  const { store, registry } = engine;

  api.get('/v1/kinds', async () => ({
    kinds: [...registry.kinds.values()].map(({ name, title, role, params }) => ({
      name,
      title,
      role,
      params: z.toJSONSchema(params, { io: 'input', unrepresentable: 'any' }),
    })),
  }));

  api.get('/v1/fleet', async () => ({ drain: (await service.fleetDrain()) ?? null }));
  api.post('/v1/fleet/drain', { schema: SCHEMAS['POST /v1/fleet/drain'] }, async (request, reply) =>
    reply.code(202).send({ drain: await service.drainFleet(request.body.withinMs, userOf(request)) }),
  );
  api.post('/v1/fleet/open', async (_request, reply) => {
    await service.openFleet();
    return reply.code(202).send({ drain: null });
  });
  api.get('/v1/dead-letters', async () => ({ letters: await service.deadLetters() }));
  const letter = { schema: SCHEMAS['POST /v1/dead-letters/requeue'] };
  api.post('/v1/dead-letters/requeue', letter, async (request, reply) =>
    reply.code(202).send({ header: await service.requeue(request.body.id, userOf(request)) }),
  );

  api.get('/v1/workers', async () => ({ workers: await store.workers() }));
  api.get('/v1/spools', async () => ({ spools: await store.spools() }));
  api.get('/v1/targets', async () => ({ targets: Object.entries(targets).map(([name, { system }]) => ({ name, system })) }));

  api.post('/v1/spools', { schema: SCHEMAS['POST /v1/spools'] }, async (request, reply) => {
    const { name, path } = request.body;
    if (!allowAddresses) throw SpoolsFixed({ name });
    const known = (await store.spools()).find((spool) => spool.name === name);
    if (known && known.path !== path) throw SpoolTaken({ name, path: known.path });
    const spool = known ?? { name, path, host };
    if (!known) await store.putSpool(spool);
    return reply.code(known ? 200 : 201).send({ spool });
  });

  api.delete('/v1/spools/:name', { schema: SCHEMAS['DELETE /v1/spools/:name'] }, async (request) => ({
    forgotten: await service.forgetSpool(request.params.name, userOf(request)),
  }));
}
