/**
 * The services of Vitess as gRPC calls, read from our own minimal protocol files (`proto/`). Replies come as plain objects: unset numbers are
 * zero and unset messages null, 64-bit numbers are texts (some of Vitess' do not fit a double), bytes are base64, enums go by their names.
 */
import { fileURLToPath } from 'node:url';
import type { MethodDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const FILES = ['vtctlservice.proto', 'vtworkerservice.proto', 'vtgateservice.proto', 'automationservice.proto'];
/** Beside `src` and `dist` alike. */
const FOLDER = fileURLToPath(new URL('../../proto/', import.meta.url));

const definition = loadSync(FILES, {
  includeDirs: [FOLDER],
  keepCase: true,
  longs: String,
  enums: String,
  bytes: String,
  defaults: true,
  arrays: true,
  objects: true,
});

export type Method = MethodDefinition<object, object>;
export type ServiceMethods = Readonly<Record<string, Method>>;

/** The methods of a service by name, such as `vtctlservice.Vtctld`. */
export function service(name: string): ServiceMethods {
  const found = definition[name];
  if (found === undefined || 'format' in found) throw new TypeError(`there is no service ${name} in ${FOLDER}`);
  return found as unknown as ServiceMethods;
}

export const VTCTLD: ServiceMethods = service('vtctlservice.Vtctld');
export const VTCTL: ServiceMethods = service('vtctlservice.Vtctl');
export const VTWORKER: ServiceMethods = service('vtworkerservice.Vtworker');
export const VTGATE: ServiceMethods = service('vtgateservice.Vitess');
export const AUTOMATION: ServiceMethods = service('automationservice.Automation');
