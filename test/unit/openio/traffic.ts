/**
 * Clients of a container: one writes a number that only grows and puts objects, one reads, each through every proxy in turn. An answer of 503
 * is tried again, as clients do. What an acknowledged write has set must be seen by every read that began after it.
 */
import { setTimeout as rest } from 'node:timers/promises';
import type { OpenIoFleet } from './fleet.ts';
import { ask } from './fleet.ts';

export interface Seen {
  writes: number;
  objects: number;
  reads: number;
  /** Reads that did not see what had been acknowledged before they began, and answers that say there is no container. */
  wrong: string[];
  /** Longest time between two acknowledged writes. */
  longestPauseMs: number;
}

export interface Traffic {
  readonly seen: Seen;
  /** The number that was acknowledged last. */
  readonly acknowledged: number;
  readonly objects: readonly string[];
  stop(): Promise<void>;
}

export interface TrafficOptions {
  /** Objects are put, too. */
  objects?: boolean;
}

/** Between two requests of a client, so that the machine has time for the cluster. */
const REST_MS = 4;

export function hammer(fleet: Pick<OpenIoFleet, 'where' | 'io'>, container: string, { objects = true }: TrafficOptions = {}): Traffic {
  const seen: Seen = { writes: 0, objects: 0, reads: 0, wrong: [], longestPauseMs: 0 };
  const put: string[] = [];
  const proxies = fleet.where.proxies.length;
  const query = `acct=acct&ref=${container}`;
  let stopped = false;
  let acknowledged = 0;
  let lastAck = performance.now();

  const complain = (what: string, { status, json }: { status: number; json: unknown }): void => {
    if (status !== 503) seen.wrong.push(`${container}: ${what} is answered ${status} ${JSON.stringify(json)}`);
  };
  const ack = (): void => {
    const now = performance.now();
    seen.longestPauseMs = Math.max(seen.longestPauseMs, now - lastAck);
    lastAck = now;
  };
  const write = async (): Promise<void> => {
    for (let next = 1; !stopped; next += 1) {
      await rest(REST_MS);
      for (let tries = 0; !stopped; tries += 1) {
        const answer = await ask(fleet, (next + tries) % proxies, 'POST', `container/set_properties?${query}`, {
          properties: { n: String(next) },
        });
        if (answer.status === 204) {
          ack();
          acknowledged = next;
          seen.writes += 1;
          break;
        }
        complain('a write', answer);
      }
      if (!objects || next % 5 !== 0) continue;
      const name = `o${next}`;
      const answer = await ask(fleet, next % proxies, 'POST', `content/create?${query}&path=${name}`, []);
      if (answer.status === 204) {
        ack();
        put.push(name);
        seen.objects += 1;
      } else complain('an object', answer);
    }
  };
  const read = async (): Promise<void> => {
    for (let turn = 0; !stopped; turn += 1) {
      await rest(REST_MS);
      const known = acknowledged;
      const answer = await ask(fleet, turn % proxies, 'POST', `container/get_properties?${query}`);
      if (answer.status !== 200) {
        complain('a read', answer);
        continue;
      }
      const { properties } = answer.json as { properties: { n?: string } };
      if (Number(properties.n ?? 0) < known)
        seen.wrong.push(`${container}: ${properties.n ?? 'nothing'} was read after ${known} was acknowledged`);
      seen.reads += 1;
    }
  };
  const running = [write(), read(), read()];
  return {
    seen,
    get acknowledged() {
      return acknowledged;
    },
    objects: put,
    async stop() {
      stopped = true;
      await Promise.all(running);
    },
  };
}

/** What is missing at the end: asked of every replica that meta1 lists, each by itself. */
export async function missing(fleet: OpenIoFleet, container: string, traffic: Traffic): Promise<string[]> {
  const { cluster } = fleet.io;
  const { cid } = cluster.meta1.all().find(({ name }) => name === container)!;
  const problems: string[] = [];
  for (const host of cluster.meta1.hosts(`${cid}.1`)) {
    const file = cluster.service(host).file(`${cid}.1`);
    const n = Number(file.admin.get('user.n') ?? 0);
    if (n < traffic.acknowledged) problems.push(`${host} has ${n}, and ${traffic.acknowledged} was acknowledged`);
    const objects = new Set(file.objects());
    for (const name of ['first', ...traffic.objects]) if (!objects.has(name)) problems.push(`${host} lacks the object ${name}`);
  }
  return problems;
}
