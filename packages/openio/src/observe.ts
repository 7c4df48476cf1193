/** Reads all that is known of a container. Changes nothing; begins no election. */
import { LongshoreError } from '@longshore/core';
import type { Namespace } from './client/index.ts';
import { NoSuchReference, NotLocated } from './client/index.ts';
import type { BaseProperties, Reference, Service } from './model.ts';
import type { Facts } from './plan/facts.ts';

/** `services`: what the conscience lists, when it has been read already. */
export async function observe(namespace: Namespace, cid: string, services?: readonly Service[]): Promise<Facts> {
  const listed = services ?? (await namespace.services());
  const reference = await referenceOf(namespace, cid);
  const ids = [...new Set([...listed.map(({ id }) => id), ...(reference?.rows ?? []).flatMap(({ hosts }) => hosts)])].sort();
  const { members, silent } = await namespace.debug(cid, ids);
  const { with: files, silent: mute } = await namespace.has(cid, ids);
  const replicas = new Map<string, BaseProperties>();
  const unreadable = new Map<string, string>();
  const read = async (id: string): Promise<BaseProperties | undefined> => {
    try {
      return await namespace.replica(cid, id);
    } catch (error) {
      if (!(error instanceof LongshoreError)) throw error;
      unreadable.set(id, error.message);
      return undefined;
    }
  };
  let again: Facts['again'];
  const listedHosts = (reference?.rows ?? []).flatMap(({ hosts }) => hosts);
  // Those that count come first: the first of them is read again at the end.
  const inOrder = [...files].sort((a, b) => Number(listedHosts.includes(b)) - Number(listedHosts.includes(a)));
  for (const id of inOrder) {
    const replica = await read(id);
    if (replica) replicas.set(id, replica);
  }
  const first = inOrder.find((id) => replicas.has(id));
  if (first !== undefined && replicas.size > 1) {
    const replica = await read(first);
    if (replica) again = { id: first, replica };
  }
  return {
    cid,
    reference,
    services: new Map(listed.map((service) => [service.id, service])),
    members,
    files,
    replicas,
    again,
    unreadable,
    silent: new Map([...silent, ...mute]),
  };
}

export async function referenceOf(namespace: Namespace, cid: string): Promise<Reference | undefined> {
  try {
    return await namespace.show(cid);
  } catch (error) {
    if (NoSuchReference.is(error) || NotLocated.is(error)) return undefined;
    throw error;
  }
}
