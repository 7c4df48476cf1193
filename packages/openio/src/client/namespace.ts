/**
 * A namespace through its proxies: the first is asked, all are flushed. What is asked of several services at once is judged for each of
 * them; that the whole reply is a 200 means nothing.
 */
import type { LongshoreError, Target, TargetSystem } from '@longshore/core';
import type { BaseProperties, MemberState, PeerAnswers, Reference, Service } from '../model.ts';
import { joined } from '../model.ts';
import { NotUnderstood, refusalOf } from './errors.ts';
import type { Call, ProxyDeps } from './proxy.ts';
import { copyDeadlineMs, OioProxy } from './proxy.ts';
import { baseProperties, config, deleted, member, nothing, perPeer, reference, services } from './replies.ts';

/** A proxy answers these for a single service; its HTTP status would be a class of them. */
const OK = 200;
export const NO_BASE = 431;

export interface ContainerRow {
  seq: number;
  hosts: readonly string[];
  args: string;
}

export class Namespace implements AsyncDisposable {
  readonly name: string;
  readonly proxies: readonly OioProxy[];

  constructor(name: string, proxies: readonly OioProxy[]) {
    this.name = name;
    this.proxies = proxies;
  }

  get #first(): OioProxy {
    return this.proxies[0]!;
  }

  /** Every meta2 that the conscience knows, by id. */
  async services(): Promise<Service[]> {
    const all = await this.#first.read(
      { method: 'GET', route: 'conscience/list', query: { type: 'meta2', full: '1' }, what: 'list the meta2 services' },
      services,
    );
    return all.sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** By meta1 itself, not by a cache. */
  show(cid: string): Promise<Reference> {
    return this.#first.read({ method: 'GET', route: 'reference/show', query: { cid }, what: `look ${cid} up` }, reference);
  }

  /** Without `ids` the located services are asked. A service that has never heard of the base, or cannot be asked, has no member. */
  async debug(cid: string, ids?: readonly string[]): Promise<{ members: Map<string, MemberState | null>; silent: Map<string, string> }> {
    const answers = await this.#all({ method: 'POST', route: 'admin/debug', what: `see the election of ${cid}` }, cid, ids);
    const members = new Map<string, MemberState | null>();
    const silent = new Map<string, string>();
    for (const [id, { code, message, body }] of answers) {
      if (code !== OK) silent.set(id, message);
      else if (body === null) members.set(id, null);
      else {
        const parsed = member.safeParse(body);
        if (!parsed.success) throw NotUnderstood({ what: 'see an election', proxy: id, problem: parsed.error.message });
        members.set(id, parsed.data);
      }
    }
    return { members, silent };
  }

  /** Begins the election where there is none, and waits for it. */
  status(cid: string, ids?: readonly string[]): Promise<PeerAnswers> {
    return this.#all({ method: 'POST', route: 'admin/status', what: `have ${cid} elected` }, cid, ids);
  }

  async has(cid: string, ids?: readonly string[]): Promise<{ with: string[]; silent: Map<string, string> }> {
    const answers = await this.#all({ method: 'POST', route: 'admin/has', what: `look for the bases of ${cid}` }, cid, ids);
    const silent = new Map<string, string>();
    const found: string[] = [];
    for (const [id, { code, message }] of answers)
      if (code === OK) found.push(id);
      else if (code !== NO_BASE) silent.set(id, message);
    return { with: found.sort(), silent };
  }

  /** Asks them to leave. Whether they have is another matter. */
  leave(cid: string, ids: readonly string[]): Promise<PeerAnswers> {
    return this.#all({ method: 'POST', route: 'admin/leave', what: `have ${cid} left` }, cid, ids);
  }

  /** Deletes the base at one service. False: it had none. */
  async remove(cid: string, id: string): Promise<boolean> {
    const call: Call = {
      method: 'POST',
      route: 'admin/remove',
      query: { cid, type: 'meta2', service_id: id },
      what: `remove the base of ${cid} from ${id}`,
    };
    const answers = await this.#first.change(call, perPeer);
    const answer = answers.get(id);
    if (answer?.code !== OK) throw this.#refused(call, answer?.code ?? 0, answer?.message ?? 'no answer');
    return deleted.safeParse(answer.body).data?.deleted ?? false;
  }

  /** From one replica itself, whoever is master. Undefined where it has no base. */
  async replica(cid: string, id: string): Promise<BaseProperties> {
    return this.#first.read(
      { method: 'POST', route: 'admin/get_properties', query: { cid, type: 'meta2', service_id: id }, what: `read ${cid} at ${id}` },
      baseProperties,
    );
  }

  fromMaster(cid: string): Promise<BaseProperties> {
    return this.#first.read(
      {
        method: 'POST',
        route: 'admin/get_properties',
        query: { cid, type: 'meta2' },
        headers: { 'x-oio-force-master': '1' },
        what: `read ${cid} at its master`,
      },
      baseProperties,
    );
  }

  async setPeers(cid: string, peers: readonly string[]): Promise<void> {
    await this.#onContainer('admin/set_properties', cid, { system: { 'sys.peers': joined(peers) } }, `set the peers of ${cid}`);
  }

  /** Any write that only a master takes; begins the election. */
  async touch(cid: string, key: string, value: string): Promise<void> {
    await this.#onContainer('admin/set_properties', cid, { properties: { [key]: value } }, `touch ${cid}`);
  }

  async untouch(cid: string, key: string): Promise<void> {
    await this.#onContainer('admin/del_properties', cid, [key], `take the mark off ${cid}`);
  }

  /** `objects`: how many are in it. */
  async copy(cid: string, { from, to, objects }: { from: string; to: string; objects: number }): Promise<void> {
    await this.#first.change(
      {
        method: 'POST',
        route: 'admin/copy',
        query: { cid, type: 'meta2' },
        body: { to, from },
        deadlineMs: copyDeadlineMs(objects),
        what: `copy ${cid} from ${from} to ${to}`,
      },
      nothing,
    );
  }

  /** Replaces the row in meta1 in one step. The row is never unlinked: in between a client could make an empty twin of the container. */
  async force(cid: string, { seq, hosts, args }: ContainerRow): Promise<void> {
    await this.#first.change(
      {
        method: 'POST',
        route: 'reference/force',
        query: { cid, type: 'meta2', replace: 'yes' },
        body: { seq, type: 'meta2', host: joined(hosts), args },
        what: `link ${cid} to ${joined(hosts)}`,
      },
      nothing,
    );
  }

  async freeze(cid: string): Promise<void> {
    await this.#onContainer('admin/freeze', cid, undefined, `freeze ${cid}`);
  }
  async enable(cid: string): Promise<void> {
    await this.#onContainer('admin/enable', cid, undefined, `enable ${cid}`);
  }

  /** Every proxy forgets where containers are. Throws for the first that does not answer: its clients would be sent to where they were. */
  async flush(): Promise<void> {
    for (const proxy of this.proxies)
      await proxy.read({ method: 'POST', route: 'cache/flush/low', bare: true, what: 'forget locations' }, nothing);
  }

  /** Of one service, live. */
  configOf(id: string): Promise<Record<string, string>> {
    return this.#first.read(
      { method: 'GET', route: 'forward/config', bare: true, query: { id }, what: `read the settings of ${id}` },
      config,
    );
  }
  async configure(id: string, values: Record<string, string>): Promise<void> {
    await this.#first.change(
      {
        method: 'POST',
        route: 'forward/config',
        bare: true,
        query: { id },
        body: values,
        what: `set ${Object.keys(values).join(', ')} at ${id}`,
      },
      nothing,
    );
  }
  async ping(id: string): Promise<void> {
    await this.#first.read({ method: 'GET', route: 'forward/ping', bare: true, query: { id }, what: `reach ${id}` }, nothing);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const proxy of this.proxies) await proxy[Symbol.asyncDispose]();
  }

  /** None of these changes what is stored, so that they are repeated like reads. */
  #all(call: Omit<Call, 'query'>, cid: string, ids: readonly string[] | undefined): Promise<PeerAnswers> {
    const query = { cid, type: 'meta2', ...(ids === undefined ? {} : { service_id: ids.join(',') }) };
    return this.#first.read({ ...call, query }, perPeer);
  }

  async #onContainer(route: string, cid: string, body: unknown, what: string): Promise<void> {
    await this.#first.change(
      { method: 'POST', route, query: { cid, type: 'meta2' }, ...(body === undefined ? {} : { body }), what },
      nothing,
    );
  }

  #refused({ what }: Call, code: number, answer: string): LongshoreError {
    return refusalOf({ what, proxy: this.#first.name, code, answer }, code < 500 ? 400 : 500);
  }
}

/** A proxy as a target. Its namespace comes from its settings, or is given by who asks. */
export function oioProxy(namespace: string | undefined): TargetSystem<OioProxy> {
  return {
    system: 'openio',
    connect: (target: Target, deps: ProxyDeps) => {
      const configured = target.settings.namespace;
      return new OioProxy(target, namespace ?? (typeof configured === 'string' ? configured : ''), deps);
    },
  };
}
