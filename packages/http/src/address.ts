/**
 * Which addresses may be called. A name is resolved once and the connection goes to the very address that was checked, so
 * a name server cannot answer differently the second time.
 */

import type { LookupAddress } from 'node:dns';
import { lookup as resolve } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { BlockList, isIP } from 'node:net';

export interface AddressRule {
  /** Who may be called: `host`, `host:port`, `*.domain`, an IP address, or `unix:/path`. Absent: any host. */
  hosts?: readonly string[];
  /** Link-local addresses and those of cloud metadata services are refused unless this is true. */
  linkLocal?: boolean;
}

const reserved = new BlockList();
reserved.addSubnet('169.254.0.0', 16, 'ipv4'); // link-local; metadata of most clouds
reserved.addAddress('100.100.100.200', 'ipv4'); // metadata, Alibaba
reserved.addAddress('192.0.0.192', 'ipv4'); // metadata, Oracle
reserved.addAddress('168.63.129.16', 'ipv4'); // wire server, Azure
reserved.addSubnet('224.0.0.0', 4, 'ipv4'); // multicast
reserved.addSubnet('fe80::', 10, 'ipv6');
reserved.addSubnet('fd00:ec2::', 32, 'ipv6'); // metadata, AWS
reserved.addSubnet('64:ff9b::a9fe:0', 112, 'ipv6'); // 169.254.0.0/16 behind NAT64
reserved.addSubnet('ff00::', 8, 'ipv6');

/** Raised inside a name look-up; the client turns it into its catalogue error. */
export class RefusedAddress extends Error {}

/** Why an IP address may not be called, or undefined. IPv4 addresses mapped into IPv6 are seen as what they are. */
export function refusedAddress(address: string, rule: AddressRule): string | undefined {
  if (rule.linkLocal) return undefined;
  const family = isIP(address);
  if (family === 0) return `${address} is not an IP address`;
  return reserved.check(address, family === 4 ? 'ipv4' : 'ipv6') ? `${address} is link-local, multicast or a metadata service` : undefined;
}

/** Why this host and port may not be called, as far as can be told without resolving. `host` without brackets. */
export function refusedHost(host: string, port: string, rule: AddressRule): string | undefined {
  const wanted = host.toLowerCase();
  const named =
    rule.hosts === undefined ||
    rule.hosts.some((entry) => {
      const allowed = entry.toLowerCase();
      if (allowed === wanted || allowed === `${wanted}:${port}` || allowed === `[${wanted}]:${port}` || allowed === `[${wanted}]`)
        return true;
      if (!allowed.startsWith('*.')) return false;
      return wanted.endsWith(allowed.slice(1)) || `${wanted}:${port}`.endsWith(allowed.slice(1));
    });
  if (!named) return 'it is not among the allowed hosts';
  return isIP(wanted) === 0 ? undefined : refusedAddress(wanted, rule);
}

/** A look-up for sockets that fails when any address of the name is refused. */
export function checkedLookup(rule: AddressRule): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, found: LookupAddress[]) => {
      if (error) return callback(error, []);
      for (const { address } of found) {
        const reason = refusedAddress(address, rule);
        if (reason !== undefined) return callback(new RefusedAddress(reason), []);
      }
      const first = found[0];
      if (options.all || first === undefined) return callback(null, found);
      callback(null, first.address, first.family);
    });
  };
}
