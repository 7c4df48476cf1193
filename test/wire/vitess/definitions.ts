/** Our protocol files as reflected messages: to list their fields for the programs that make samples, and to read and write those. */
import { fileURLToPath } from 'node:url';
import type { Type } from 'protobufjs';
import protobuf from 'protobufjs';

const CLIENT = fileURLToPath(new URL('../../../packages/vitess/proto/', import.meta.url));
const STAND_IN = fileURLToPath(new URL('../../../packages/sandbox/proto/vitess/', import.meta.url));
const FILES = ['vtctlservice.proto', 'vtworkerservice.proto', 'vtgateservice.proto'];

export type Side = 'client' | 'stand-in';

/** Messages by their full names. */
export function messagesOf(side: Side): Map<string, Type> {
  const folder = side === 'client' ? CLIENT : STAND_IN;
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) => `${folder}${target.split('/').at(-1)}`;
  root.loadSync(side === 'client' ? [...FILES, 'automationservice.proto'] : FILES, { keepCase: true });
  root.resolveAll();
  const found = new Map<string, Type>();
  const walk = (nested: readonly protobuf.ReflectionObject[]): void => {
    for (const one of nested) {
      if (one instanceof protobuf.Type) found.set(one.fullName.slice(1), one);
      if (one instanceof protobuf.Namespace) walk(one.nestedArray);
    }
  };
  walk(root.nestedArray);
  return found;
}
