/** Writes docs/openapi.json, the description of the HTTP API, from the very routes that answer. */
import { memoryStore, memoryTransport, systemClock, systemRandom } from '@longshore/core';
import { silentLog } from '@longshore/host';
import { createRegistry } from '@longshore/operations';
import { buildServer } from '../../apps/api/src/server.ts';
import { settle } from './generated.ts';

if (import.meta.main) {
  const store = memoryStore(systemClock);
  const transport = memoryTransport(systemClock);
  const ports = { store, transport, clock: systemClock, random: systemRandom, log: silentLog, registry: createRegistry([]) };
  const server = buildServer({
    engine: ports,
    host: 'here',
    auth: 'tokens',
    limits: { requestsPerSecond: 1, streams: 1 },
    targets: {},
    allowAddresses: false,
    ready: async () => undefined,
  });
  const reply = await server.inject('/openapi.json');
  await server.close();
  process.exitCode = settle(
    process.argv[2],
    'docs/openapi.json',
    `${JSON.stringify(reply.json(), undefined, 2)}\n`,
    'test/docs/openapi.ts',
  );
}
