/** The host of a service, by the address in its id. */
import { networkInterfaces } from 'node:os';
import type { Service } from '../model.ts';
import type { Host } from './host.ts';
import { LocalHost } from './local.ts';
import type { SshOptions } from './ssh.ts';
import { SshHost } from './ssh.ts';

export type { Host } from './host.ts';

/** Where ids are not addresses, or ssh is to be used otherwise: from the settings of the target. */
export interface HostSettings extends SshOptions {
  /** By service id, or by the host part of it: `local`, or a destination for ssh. */
  hosts?: Record<string, string>;
}

export function hostOf({ id }: Pick<Service, 'id'>, settings: HostSettings = {}): Host {
  const address = id.replace(/:\d+$/, '');
  const given = settings.hosts?.[id] ?? settings.hosts?.[address];
  if (given === 'local' || (given === undefined && isThisMachine(address))) return new LocalHost();
  return new SshHost(given ?? address, settings);
}

function isThisMachine(address: string): boolean {
  if (/^127\.|^::1$|^localhost$/.test(address)) return true;
  return Object.values(networkInterfaces()).some((all) => all?.some((one) => one.address === address));
}
