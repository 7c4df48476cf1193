/** The services of Vitess as a server speaks them, from protocol files of the sandbox's own. */
import { fileURLToPath } from 'node:url';
import type { ServiceDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const definition = loadSync(['vtctlservice.proto', 'vtworkerservice.proto', 'vtgateservice.proto'], {
  includeDirs: [fileURLToPath(new URL('../../proto/vitess/', import.meta.url))],
  keepCase: true,
  longs: Number,
  enums: String,
  defaults: true,
  arrays: true,
  objects: true,
});

function service(name: string): ServiceDefinition {
  const found = definition[name];
  if (found === undefined || 'format' in found) throw new TypeError(`there is no service ${name}`);
  return found as unknown as ServiceDefinition;
}

export const VTCTL: ServiceDefinition = service('vtctlservice.Vtctl');
export const VTCTLD: ServiceDefinition = service('vtctlservice.Vtctld');
export const VTWORKER: ServiceDefinition = service('vtworkerservice.Vtworker');
export const VTGATE: ServiceDefinition = service('vtgateservice.Vitess');
