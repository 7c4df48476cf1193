/** Which containers there are: from the volumes of the services, from an rdir, or as they were named. Where each is says meta1. */
import type { TaskContext } from '@longshore/core';
import { LongshoreError } from '@longshore/core';
import type { Namespace } from './client/index.ts';
import { noted } from './client/rdir.ts';
import { NoInventory } from './errors.ts';
import { hostOf } from './hosts/index.ts';
import { hostSettings } from './hosts/settings.ts';
import type { Service } from './model.ts';
import { containerId } from './names.ts';
import { referenceOf } from './observe.ts';
import type { InventoryParams } from './params.ts';
import type { PlannedContainer } from './plan/moves.ts';

/** Lookups in meta1 at a time. */
const LOOKUPS = 16;

export interface Inventory {
  cids: string[];
  /** Bytes of the base, where it was seen on a disk. */
  bytes: Map<string, number>;
  /** Services whose bases could not be listed, and why. */
  unlisted: { service: string; why: string }[];
}

type Able = Pick<TaskContext<unknown>, 'clock' | 'random' | 'signal'>;

/** Services that cannot be listed are told of, not passed over: a plan without them may be wrong. */
export async function takeInventory(
  context: Able,
  namespace: Namespace,
  services: readonly Service[],
  { inventory, rdir, containers }: InventoryParams,
): Promise<Inventory> {
  const bytes = new Map<string, number>();
  const unlisted: Inventory['unlisted'] = [];
  const cids = new Set<string>();
  if (containers !== undefined) {
    for (const given of containers) cids.add(cidOf(given));
    return { cids: [...cids].sort(), bytes, unlisted };
  }
  if (inventory === 'rdir' && rdir === undefined) throw NoInventory({ why: 'no address of an rdir is given' });
  for (const service of services)
    try {
      if (inventory === 'rdir') for (const cid of await noted(rdir!, service.id, context)) cids.add(cid);
      else
        for (const { base, bytes: size } of await filesOf(namespace, service)) {
          const cid = base.split('.')[0]!;
          cids.add(cid);
          bytes.set(cid, Math.max(bytes.get(cid) ?? 0, size));
        }
    } catch (error) {
      if (context.signal.aborted || !(error instanceof Error)) throw error;
      unlisted.push({ service: service.id, why: error instanceof LongshoreError ? error.data.message : error.message });
    }
  return { cids: [...cids].sort(), bytes, unlisted };
}

async function filesOf(namespace: Namespace, service: Service): Promise<{ base: string; bytes: number }[]> {
  if (service.volume === '') throw NoInventory({ why: `the conscience does not say where the volume of ${service.id} is` });
  await using host = hostOf(service, hostSettings(namespace));
  return host.bases(service.volume);
}

export function cidOf(given: string): string {
  const slash = given.indexOf('/');
  return slash < 0 ? given : containerId(given.slice(0, slash), given.slice(slash + 1));
}

/** Where each is by meta1. `odd`: those without exactly one row. */
export async function locate(namespace: Namespace, { cids, bytes }: Inventory): Promise<{ containers: PlannedContainer[]; odd: string[] }> {
  const containers: PlannedContainer[] = [];
  const odd: string[] = [];
  let next = 0;
  const look = async (): Promise<void> => {
    for (let at = next++; at < cids.length; at = next++) {
      const cid = cids[at]!;
      const rows = (await referenceOf(namespace, cid))?.rows ?? [];
      const size = bytes.get(cid);
      if (rows.length === 1) containers.push({ cid, hosts: rows[0]!.hosts, ...(size === undefined ? {} : { bytes: size }) });
      else odd.push(cid);
    }
  };
  await Promise.all(Array.from({ length: LOOKUPS }, look));
  return { containers: containers.sort((a, b) => (a.cid < b.cid ? -1 : 1)), odd: odd.sort() };
}
