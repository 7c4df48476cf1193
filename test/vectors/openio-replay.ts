/**
 * Plays a recorded scenario against the stand-in, step by step. Where the real cluster left something to chance (which services a new
 * container got, who became master, which replica answered a read, whether a leave met other activity), the recording itself says what came
 * out, and the stand-in is told so beforehand; everything else it must do by itself.
 */
import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { OpenIoStandIn } from '@longshore/sandbox';
import { startOpenIo } from '@longshore/sandbox';
import { expect } from 'vitest';
import { until } from '../support/until.ts';
import { comparable, isPerPeer } from './openio-compare.ts';
import type { Scenario, Step } from './openio-shapes.ts';
import { FilesStep, RequestStep } from './openio-shapes.ts';

const ELECTION_TIMEOUT_MS = 400;

interface Reply {
  status: number;
  json: unknown;
}

export class Replay {
  readonly #case: Scenario;
  readonly #io: OpenIoStandIn;
  readonly #base: string;

  constructor(scenario: Scenario, io: OpenIoStandIn) {
    this.#case = scenario;
    this.#io = io;
    this.#base = `${scenario.cid}.1`;
  }

  async run(): Promise<void> {
    for (const [at, step] of this.#case.steps.entries()) {
      this.#steer(at);
      if ('request' in step) await this.#request(at, RequestStep.parse(step));
      else if ('files' in step) await this.#files(FilesStep.parse(step));
      else await this.#act(step as { action: string } & Record<string, unknown>);
    }
  }

  async #request(at: number, { request, reply }: RequestStep): Promise<void> {
    const route = routeOf(request.method, request.path);
    const wanted = { status: reply.status, json: comparable(route, reply.json) };
    const ask = async (): Promise<Reply> => this.#send(request.proxy, request.method, request.path, request.body);
    const got = async (): Promise<Reply> => {
      const { status, json } = await ask();
      return { status, json: comparable(route, json) };
    };
    let seen = await got();
    // What only reads may be asked until the cluster is where the recorded one was, and of each replica in turn.
    if (READS.has(route)) {
      const readers = route.endsWith('properties') ? [...this.#io.cluster.services.keys()] : [undefined];
      for (let turn = 0; turn < READ_TURNS && !equal(seen, wanted); turn += 1) {
        this.#io.cluster.steering.reader = readers[turn % readers.length];
        await this.#io.cluster.pause(READ_PAUSE_MS);
        seen = await got();
      }
      this.#io.cluster.steering.reader = undefined;
    }
    expect(seen, `step ${at + 1}, ${route}`).toEqual(wanted);
  }

  async #files({ files, admin }: FilesStep): Promise<void> {
    const read = (): Record<string, Record<string, string>> =>
      Object.fromEntries(Object.entries(admin).map(([host, keys]) => [host, this.#adminOf(host, Object.keys(keys))]));
    for (let turn = 0; turn < READ_TURNS && !equal(read(), admin); turn += 1) await this.#io.cluster.pause(READ_PAUSE_MS);
    expect(read(), files).toEqual(admin);
  }

  /** The wanted keys of a replica's file, and every property of clients. */
  #adminOf(host: string, keys: readonly string[]): Record<string, string> {
    const { path } = this.#io.cluster.services.get(host)!.file(this.#base);
    if (!existsSync(path)) return {};
    const db = new DatabaseSync(path, { readOnly: true });
    try {
      const rows = db.prepare('SELECT k, v FROM admin').all() as { k: string; v: Uint8Array }[];
      return Object.fromEntries(
        rows.filter(({ k }) => keys.includes(k) || k.startsWith('user.')).map(({ k, v }) => [k, Buffer.from(v).toString()]),
      );
    } finally {
      db.close();
    }
  }

  async #act(step: { action: string } & Record<string, unknown>): Promise<void> {
    const { cluster } = this.#io;
    switch (step.action) {
      case 'put_object': {
        const { account, container } = this.#case;
        const path = `/v3.0/${cluster.namespace}/content/create?acct=${account}&ref=${container}&path=${String(step.name)}`;
        const { status, json } = step.reply as Reply;
        const got = await this.#send(String(step.proxy ?? 'p1'), 'POST', path, []);
        expect({ status: got.status, json: comparable('', got.json) }, `put ${String(step.name)}`).toEqual({ status, json: comparable('', json) });
        return;
      }
      case 'sqlite_update_sys_peers': {
        const db = new DatabaseSync(cluster.services.get(String(step.host))!.file(this.#base).path);
        const { changes } = db.prepare("UPDATE admin SET v = ? WHERE k = 'sys.peers'").run(Buffer.from(String(step.value)));
        db.close();
        expect(Number(changes), 'rows changed').toBe(step.changes);
        return;
      }
      case 'wait_base_closed': {
        const open = (): boolean => (step.hosts as string[]).some((host) => cluster.services.get(host)!.file(this.#base).isOpen);
        if (step.still_open === false) await until(() => !open(), 'the base is closed everywhere');
        expect(open(), 'still open').toBe(step.still_open);
        return;
      }
      case 'sleep':
      case 'wait':
        return;
      case 'kill':
      case 'stop':
        expect(cluster.services.has(String(step.host))).toBe(true);
        return cluster.services.get(String(step.host))!.kill();
      case 'start':
      case 'restart':
        expect(cluster.services.has(String(step.host))).toBe(true);
        return cluster.services.get(String(step.host))!.restart();
      default:
        throw new Error(`unknown action ${step.action}`);
    }
  }

  async #send(proxy: string, method: string, path: string, body: unknown): Promise<Reply> {
    const { url } = this.#io.proxies[Number(proxy.slice(1)) - 1]!;
    const sent = body === null || body === '' ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
    const response = await fetch(`${url}${path}`, { method, ...(sent === undefined ? {} : { body: sent }) });
    const text = await response.text();
    return { status: response.status, json: text === '' ? null : (JSON.parse(text) as unknown) };
  }

  /** What the recording says of chance, from here on. */
  #steer(at: number): void {
    const { steering } = this.#io.cluster;
    const step = this.#case.steps[at]!;
    const ahead = this.#case.steps.slice(at);
    const route = routeOfStep(step);
    steering.nextLink = route === 'POST container/create' || route === 'POST reference/link' ? nextLinked(ahead) : undefined;
    const master = nextMaster(route === 'POST admin/leave' ? ahead.slice(1) : ahead) ?? overlap(this.#case.old, nextLinked(ahead));
    if (master === undefined) steering.master.delete(this.#base);
    else steering.master.set(this.#base, master);
    steering.racedLeaves = route === 'POST admin/leave' && isRaced(ahead.slice(1)) ? Object.keys(replyOf(step) ?? {}).length : 0;
    steering.asleep = route !== undefined && AWAKENING.test(route) ? stillUnknown(ahead.slice(1)) : [];
    steering.nextPoll = undefined;
    const polled = replyOf(step);
    if (route === 'POST lb/poll' && Array.isArray(polled)) steering.nextPoll = polled.map(({ addr }: { addr: string }) => addr);
  }
}

const READS = new Set(['POST admin/debug', 'POST container/get_properties', 'POST admin/get_properties', 'GET reference/show']);
const READ_TURNS = 60;
const READ_PAUSE_MS = 5;
/** Requests that begin an election where there is none. */
const AWAKENING = /container\/|content\/|admin\/(status|ping|sync|freeze|enable|disable|get_properties|set_properties|del_properties|vacuum)/;

function equal(a: unknown, b: unknown): boolean {
  try {
    // Not an assertion of the case: it is asked again and again.
    return JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
  } catch {
    return false;
  }
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, one]) => [key, sorted(one)]),
  );
}

export function routeOf(method: string, path: string): string {
  const [where = ''] = path.split('?');
  const parts = where.split('/').slice(2);
  const bare = parts[0] === 'cache' || parts[0] === 'forward';
  return `${method} ${(bare ? parts : parts.slice(1)).join('/')}`;
}

function routeOfStep(step: Step): string | undefined {
  return 'request' in step ? routeOf((step as RequestStep).request.method, (step as RequestStep).request.path) : undefined;
}
function replyOf(step: Step): unknown {
  return 'request' in step ? (step as RequestStep).reply.json : undefined;
}

/** The services of the container by the next listing, up to the next create. */
function nextLinked(ahead: readonly Step[]): string[] | undefined {
  for (const [at, step] of ahead.entries()) {
    const route = routeOfStep(step);
    if (at > 0 && route === 'POST container/create') return undefined;
    if (route !== 'GET reference/show') continue;
    const { srv = [] } = (replyOf(step) ?? {}) as { srv?: { host: string }[] };
    return srv.length > 0 ? srv.map(({ host }) => host) : undefined;
  }
  return undefined;
}

/** A new set that shares a service with the old one can only work under that one. */
function overlap(old: readonly string[], linked: readonly string[] | undefined): string | undefined {
  const shared = old.filter((host) => linked?.includes(host));
  return shared.length === 1 ? shared[0] : undefined;
}

/** Who is master by the next reply that says so, before the next leave. */
function nextMaster(ahead: readonly Step[]): string | undefined {
  for (const step of ahead) {
    const route = routeOfStep(step);
    if (route === 'POST admin/leave' && (step as RequestStep).reply.status === 200) return undefined;
    const reply = replyOf(step);
    const refused = /only accepted from (\S+)/.exec(JSON.stringify(reply) ?? '')?.[1];
    if (refused !== undefined) return refused.replace(/["}]+$/, '');
    if (!isPerPeer(reply)) continue;
    for (const [id, { status, body }] of Object.entries(reply)) {
      const state = (body as { local?: { state?: string } } | null)?.local?.state;
      if (state === 'MASTER' || (status.status === 301 && status.message === 'not SLAVE')) return id;
      if (route === 'POST admin/status' && status.status === 200) return id;
      if (status.status === 303) return status.message;
    }
  }
  return undefined;
}

/** Services that had not heard of the base when they were asked next: nobody had turned to them. */
function stillUnknown(ahead: readonly Step[]): string[] {
  for (const step of ahead) {
    const route = routeOfStep(step);
    const reply = replyOf(step);
    if (route === 'POST admin/debug' && isPerPeer(reply)) return Object.keys(reply).filter((id) => reply[id]!.body === null);
    if (route !== undefined && AWAKENING.test(route)) return [];
  }
  return [];
}

/** Whether members had an election again after a leave, though nobody had asked them for anything. */
export function isRaced(ahead: readonly Step[]): boolean {
  for (const step of ahead) {
    const route = routeOfStep(step);
    if (!('request' in step)) continue;
    const { reply } = step as RequestStep;
    if (route === 'POST admin/debug' && isPerPeer(reply.json))
      return Object.values(reply.json).some(({ body }) => {
        const state = (body as { local?: { state?: string } } | null)?.local?.state;
        return state === 'MASTER' || state === 'SLAVE';
      });
    if (route !== undefined && AWAKENING.test(route) && reply.status < 400) return false;
  }
  return false;
}

/** Services as the recording lists them, else on a server each. */
export function servicesOf({ steps, old, free, new: wanted = [] }: Scenario): { id: string; location: string; score: number }[] {
  const listed = steps.find((step) => routeOfStep(step) === 'GET conscience/list' && Array.isArray(replyOf(step)));
  if (listed)
    return (replyOf(listed) as { addr: string; score: number; tags: Record<string, string> }[]).map(({ addr, score, tags }) => ({
      id: addr,
      score,
      location: tags['tag.loc']!,
    }));
  return [...new Set([...old, ...free, ...wanted])].sort().map((id, at) => ({ id, location: `srv${at + 1}.vol1`, score: 67 }));
}

export async function replay(scenario: Scenario): Promise<void> {
  const proxies = new Set(scenario.steps.flatMap((step) => ('request' in step ? [(step as RequestStep).request.proxy] : [])));
  await using io = await startOpenIo({
    services: servicesOf(scenario),
    proxies: Math.max(2, ...[...proxies].map((proxy) => Number(proxy.slice(1)))),
    electionTimeoutMs: ELECTION_TIMEOUT_MS,
  });
  await new Replay(scenario, io).run();
}
