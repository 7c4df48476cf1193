/** What must hold of a container at the end, read from the stand-in itself. */
import type { OpenIoFleet } from './fleet.ts';
import { ask } from './fleet.ts';

const DECACHE = 'server.periodic_decache.period';

/** Every problem, in a sentence; none when the container is on `hosts`, whole, elected and open to clients. */
export async function wrongWith(fleet: OpenIoFleet, container: string, hosts: readonly string[]): Promise<string[]> {
  const { cluster } = fleet.io;
  const problems: string[] = [];
  const { cid } = cluster.meta1.all().find(({ name }) => name === container)!;
  const base = `${cid}.1`;
  const wanted = [...hosts].sort();
  for (const proxy of fleet.where.proxies.keys()) {
    const { status } = await ask(fleet, proxy, 'POST', `container/get_properties?acct=acct&ref=${container}`);
    if (status !== 200) problems.push(`proxy ${proxy + 1} answers ${status}`);
  }
  const put = await ask(fleet, 0, 'POST', `content/create?acct=acct&ref=${container}&path=last`, []);
  if (put.status !== 204) problems.push(`no object can be put: ${JSON.stringify(put)}`);
  const rows = cluster.meta1.services(cid, 'meta2').map(({ host }) => host);
  if (String(rows.sort()) !== String(wanted)) problems.push(`meta1 lists ${rows.join()}`);
  let masters = 0;
  const versions = new Set<string>();
  for (const [id, service] of cluster.services) {
    if (service.config[DECACHE] !== '0') problems.push(`${id} closes idle bases`);
    if (!service.alive) continue;
    const member = service.members.get(base);
    const file = service.file(base);
    if (!wanted.includes(id)) {
      if (file.exists) problems.push(`${id} still has a file`);
      if (member && member.state !== 'NONE') problems.push(`${id} takes part as ${member.state}`);
      continue;
    }
    if (!file.exists) {
      problems.push(`${id} has no file`);
      continue;
    }
    if (member?.state === 'MASTER') masters += 1;
    else if (member?.state !== 'SLAVE') problems.push(`${id} is ${member?.state ?? 'unknown'}`);
    const peers = [id, ...(member?.peers ?? [])].sort();
    if (String(peers) !== String(wanted)) problems.push(`${id} was elected with ${peers.join()}`);
    if (file.admin.get('sys.peers') !== wanted.join(',')) problems.push(`sys.peers at ${id} is ${file.admin.get('sys.peers')}`);
    if (file.admin.get('sys.status') !== '0') problems.push(`it is frozen at ${id}`);
    if (file.admin.get('user.colour') !== 'blue') problems.push(`${id} lacks a property`);
    for (const object of ['first', 'last']) if (!file.objects().includes(object)) problems.push(`${id} lacks the object ${object}`);
    versions.add(JSON.stringify(Object.entries(file.versions).sort()));
  }
  if (masters !== 1) problems.push(`${masters} masters`);
  if (versions.size > 1) problems.push('versions differ');
  return problems;
}
