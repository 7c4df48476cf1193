/** Names that follow from an account and a container. Pure. */
import { createHash } from 'node:crypto';
import { z } from 'zod';

export const ContainerId: z.ZodType<string> = z.string().regex(/^[0-9A-F]{64}$/, 'a container id is 64 hexadecimal digits in capitals');

/** SHA-256 of the account, a zero byte and the container's name. */
export function containerId(account: string, container: string): string {
  return createHash('sha256').update(`${account}\0${container}`).digest('hex').toUpperCase();
}

/** What a base is called: `CID.seq`. */
export function baseName(cid: string, seq: number): string {
  return `${cid}.${seq}`;
}

/** The name of a base's nodes in ZooKeeper: SHA-256 of the base's name and its type. */
export function electionKey(base: string): string {
  return createHash('sha256').update(`${base}@meta2`).digest('hex').toUpperCase();
}

/** Below the volume of a service: three digits of the name, then the name. */
export function basePath(base: string): string {
  return `${base.slice(0, 3)}/${base}.meta2`;
}

/** The base a file is of; undefined for anything else, local copies with a suffix included. */
export function baseOfFile(file: string): string | undefined {
  return /^([0-9A-F]{64}\.\d+)\.meta2$/.exec(file)?.[1];
}
