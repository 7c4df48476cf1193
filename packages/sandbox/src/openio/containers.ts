/** What clients do with containers, through services that a proxy has located. */
import type { Cluster } from './cluster.ts';
import { OioError } from './codes.ts';
import type { Meta2 } from './meta2.ts';
import { DISABLED, ENABLED, FROZEN } from './meta2.ts';

const REDIRECTS = 4;
const PROPERTY = 'user.';

export interface Properties {
  properties: Record<string, string>;
  system: Record<string, string>;
}

/** Runs on the master, following at most four redirects; a service that is down is passed over. */
export async function onMaster<T>(cluster: Cluster, hosts: readonly string[], run: (service: Meta2) => Promise<T>): Promise<T> {
  let last: unknown;
  const { asleep } = cluster.steering;
  for (const host of [...hosts.filter((one) => !asleep.includes(one)), ...hosts.filter((one) => asleep.includes(one))]) {
    let at = host;
    for (let hops = 0; hops <= REDIRECTS; hops += 1) {
      try {
        return await run(cluster.service(at));
      } catch (error) {
        last = error;
        if (!(error instanceof OioError)) throw error;
        if (error.code === 303) {
          at = error.message;
          continue;
        }
        if (error.code !== 2) throw error;
        break;
      }
    }
  }
  throw last instanceof OioError && last.code === 303 ? new OioError(305, 'Too many redirections') : last;
}

/** Runs on the first that can be reached. */
export async function onAny<T>(cluster: Cluster, hosts: readonly string[], run: (service: Meta2) => Promise<T>): Promise<T> {
  let last: unknown;
  for (const host of hosts)
    try {
      return await run(cluster.service(host));
    } catch (error) {
      last = error;
      if (!(error instanceof OioError) || error.code !== 2) throw error;
    }
  throw last;
}

export function propertiesOf(admin: ReadonlyMap<string, string>): Properties {
  const properties: Record<string, string> = {};
  const system: Record<string, string> = {};
  for (const [key, value] of [...admin].sort(([a], [b]) => (a < b ? -1 : 1)))
    if (key.startsWith(PROPERTY)) properties[key.slice(PROPERTY.length)] = value;
    else system[key] = value;
  return { properties, system };
}

export function assertInitiated(admin: ReadonlyMap<string, string>): void {
  if (admin.get('sys.m2.init') !== '1') throw new OioError(431, 'container created but not initiated');
}

export function asAdmin(properties: Record<string, string> = {}, system: Record<string, string> = {}): Record<string, string> {
  return { ...Object.fromEntries(Object.entries(properties).map(([key, value]) => [`${PROPERTY}${key}`, String(value)])), ...system };
}

/** True when it was made now, false when it had been there. */
export async function initiate(
  cluster: Cluster,
  service: Meta2,
  base: string,
  names: { account: string; name: string },
  properties: Record<string, string>,
): Promise<boolean> {
  const member = await service.asMaster(base);
  const file = service.file(base);
  if (file.admin.get('sys.m2.init') === '1') return false;
  const peers = [service.id, ...(member.peers ?? [])].sort().join(',');
  await service.write(base, {
    admin: {
      ...asAdmin(properties),
      'sys.account': names.account,
      'sys.m2.ctime': `${cluster.clock.now()}000`,
      'sys.m2.init': '1',
      'sys.m2.objects': '0',
      'sys.m2.shards': '0',
      'sys.m2.usage': '0',
      'sys.m2.version': '0',
      'sys.ns': cluster.namespace,
      'sys.peers': peers,
      'sys.status': ENABLED,
      'sys.user.name': names.name,
    },
  });
  return true;
}

const STATUS_RULES: Record<'freeze' | 'enable' | 'disable', { to: string; refuse: (status: string) => void }> = {
  freeze: {
    to: FROZEN,
    refuse(status) {
      if (status === FROZEN) throw new OioError(436, 'Container frozen');
      if (status === DISABLED) throw new OioError(437, 'Container disabled');
    },
  },
  enable: {
    to: ENABLED,
    refuse(status) {
      if (status === ENABLED) throw new OioError(439, 'Already enabled');
    },
  },
  disable: {
    to: DISABLED,
    refuse(status) {
      if (status === FROZEN) throw new OioError(436, 'Container frozen');
      if (status === DISABLED) throw new OioError(437, 'Container disabled');
    },
  },
};

export async function changeStatus(service: Meta2, base: string, change: 'freeze' | 'enable' | 'disable'): Promise<void> {
  const { to, refuse } = STATUS_RULES[change];
  await service.write(base, { admin: { 'sys.status': to } }, (admin) => refuse(admin.get('sys.status') ?? ENABLED));
}

export async function putObject(service: Meta2, base: string, object: { name: string; size: number }): Promise<void> {
  await service.write(base, { object }, (admin) => {
    assertInitiated(admin);
    const status = admin.get('sys.status');
    if (status === FROZEN) throw new OioError(436, 'Invalid status: frozen');
    if (status === DISABLED) throw new OioError(437, 'Invalid status: disabled');
  });
}
