/** What the fleet consists of and can do: kinds, workers, spools, targets. */
import { isAbsolute, normalize } from 'node:path';
import type { Service } from '@longshore/operations';
import { z } from 'zod';
import { userOf } from '../caller.ts';
import { SpoolsFixed, SpoolTaken } from '../errors.ts';
import type { ApiSetup } from '../setup.ts';
import type { Api } from './api.ts';

const newSpool = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'a name is made of lower-case letters, digits, - and _'),
  path: z
    .string()
    .max(4_096)
    .refine((path) => isAbsolute(path) && normalize(path) === path, 'must be an absolute path without . and ..'),
});

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
  api.post('/v1/fleet/drain', { schema: { body: z.strictObject({ withinMs: z.int().positive() }) } }, async (request, reply) =>
    reply.code(202).send({ drain: await service.drainFleet(request.body.withinMs, userOf(request)) }),
  );
  api.post('/v1/fleet/open', async (_request, reply) => {
    await service.openFleet();
    return reply.code(202).send({ drain: null });
  });
  api.get('/v1/dead-letters', async () => ({ letters: await service.deadLetters() }));
  const letter = { schema: { body: z.strictObject({ id: z.string().min(1).max(400) }) } };
  api.post('/v1/dead-letters/requeue', letter, async (request, reply) =>
    reply.code(202).send({ header: await service.requeue(request.body.id, userOf(request)) }),
  );

  api.get('/v1/workers', async () => ({ workers: await store.workers() }));
  api.get('/v1/spools', async () => ({ spools: await store.spools() }));
  api.get('/v1/targets', async () => ({ targets: Object.entries(targets).map(([name, { system }]) => ({ name, system })) }));

  api.post('/v1/spools', { schema: { body: newSpool } }, async (request, reply) => {
    const { name, path } = request.body;
    if (!allowAddresses) throw SpoolsFixed({ name });
    const known = (await store.spools()).find((spool) => spool.name === name);
    if (known && known.path !== path) throw SpoolTaken({ name, path: known.path });
    const spool = known ?? { name, path, host };
    if (!known) await store.putSpool(spool);
    return reply.code(known ? 200 : 201).send({ spool });
  });

  api.delete('/v1/spools/:name', { schema: { params: z.strictObject({ name: newSpool.shape.name }) } }, async (request) => ({
    forgotten: await service.forgetSpool(request.params.name, userOf(request)),
  }));
}
