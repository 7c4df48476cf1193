/**
 * Clients come to a container at every point of a move by hand: before and after each change, through two proxies. Nothing that was acknowledged
 * is lost or invisible; the container never is not there; while it is frozen objects are refused with 503, and that is all.
 */
import { expect, test } from 'vitest';
import { until } from '../../support/until.ts';
import { wrongWith } from './checks.ts';
import { ask, makeContainer, type OpenIoFleet, startFleet } from './fleet.ts';
import { hammer, missing } from './traffic.ts';

const [A, B, C, D] = ['127.0.0.1:16020', '127.0.0.1:16021', '127.0.0.1:16022', '127.0.0.1:16023'] as const;
const IDS = [A, B, C, D];
const QUERY = 'acct=acct&ref=c1';
const FROZEN = 436;
const MINUTES = 60_000;
/** Each replica is read from through each proxy. */
const READS = 6;

const move = (fleet: OpenIoFleet) => ({
  kind: 'openio.move-base',
  params: { ...fleet.where, account: 'acct', container: 'c1', from: A, to: D, mode: 'manual', maxFrozenMs: 3_600_000 },
});

interface Answers {
  wrong: string[];
  /** The number that was acknowledged last. */
  acknowledged: number;
  objects: string[];
  /** Points at which something was answered with 503. */
  busy: { writes: number; objects: number; reads: number; frozen: number };
  points: number;
  longestPauseMs: number;
}

/** One write, one object and reads from everybody, around every effect. */
function clientsAtEveryPoint(fleet: OpenIoFleet): Answers {
  const seen: Answers = {
    wrong: [],
    acknowledged: 0,
    objects: [],
    busy: { writes: 0, objects: 0, reads: 0, frozen: 0 },
    points: 0,
    longestPauseMs: 0,
  };
  let lastAck = performance.now();
  fleet.around = async (effect, when) => {
    seen.points += 1;
    const n = seen.points;
    const point = `${when} ${effect}`;
    const unless503 = (what: string, { status, json }: { status: number; json: unknown }): void => {
      if (status !== 503) seen.wrong.push(`${point}: ${what} is answered ${status} ${JSON.stringify(json)}`);
    };
    const write = await ask(fleet, n % 2, 'POST', `container/set_properties?${QUERY}`, { properties: { n: String(n) } });
    if (write.status === 204) {
      seen.acknowledged = n;
      seen.longestPauseMs = Math.max(seen.longestPauseMs, performance.now() - lastAck);
      lastAck = performance.now();
    } else {
      seen.busy.writes += 1;
      unless503('a write', write);
    }
    const object = await ask(fleet, (n + 1) % 2, 'POST', `content/create?${QUERY}&path=o${n}`, []);
    if (object.status === 204) seen.objects.push(`o${n}`);
    else {
      if ((object.json as { status: number }).status === FROZEN) seen.busy.frozen += 1;
      else seen.busy.objects += 1;
      unless503('an object', object);
    }
    for (let at = 0; at < READS; at += 1) {
      const read = await ask(fleet, at % 2, 'POST', `container/get_properties?${QUERY}`);
      if (read.status !== 200) {
        seen.busy.reads += 1;
        unless503('a read', read);
        continue;
      }
      const value = Number((read.json as { properties: { n?: string } }).properties.n ?? 0);
      if (value < seen.acknowledged) seen.wrong.push(`${point}: ${value} was read after ${seen.acknowledged} was acknowledged`);
    }
  };
  return seen;
}

test.each([A, B])('clients at every point, with %s as the first master', { timeout: 5 * MINUTES }, async (first) => {
  await using fleet = await startFleet({ services: IDS, speed: 5, electionTimeoutMs: 200 });
  await makeContainer(fleet, 'c1', [A, B, C]);
  const base = `${fleet.io.cluster.meta1.all()[0]!.cid}.1`;
  fleet.io.cluster.steering.master.set(base, first);
  const seen = clientsAtEveryPoint(fleet);
  const header = await fleet.run(move(fleet), ({ endedAt, state }) => endedAt !== undefined || state === 'needs-attention');
  console.info(
    `first master ${first}: ${seen.points} points, longest pause between two acknowledged writes ${Math.round(seen.longestPauseMs)} ms, 503s: ${JSON.stringify(seen.busy)}`,
  );
  expect(seen.wrong).toEqual([]);
  expect([header.state, header.error?.message]).toEqual(['succeeded', undefined]);
  expect(seen.busy.frozen).toBeGreaterThan(0);
  expect(await wrongWith(fleet, 'c1', [B, C, D])).toEqual([]);
  for (const id of [B, C, D]) {
    const file = fleet.io.cluster.service(id).file(base);
    expect(Number(file.admin.get('user.n'))).toBeGreaterThanOrEqual(seen.acknowledged);
    expect(file.objects()).toEqual(expect.arrayContaining(seen.objects));
  }
});

test('clients that never pause', { timeout: 5 * MINUTES }, async () => {
  await using fleet = await startFleet({ services: IDS, speed: 5 });
  await makeContainer(fleet, 'c1', [A, B, C]);
  const client = hammer(fleet, 'c1');
  await until(() => client.seen.writes > 20, 'clients write');
  const header = await fleet.run(move(fleet), ({ endedAt, state }) => endedAt !== undefined || state === 'needs-attention');
  const written = client.seen.writes;
  await until(() => client.seen.writes > written + 20, 'clients write afterwards');
  await client.stop();
  console.info(
    `${client.seen.writes} writes, ${client.seen.objects} objects, ${client.seen.reads} reads, longest pause ${Math.round(client.seen.longestPauseMs)} ms`,
  );
  expect(client.seen.wrong).toEqual([]);
  expect([header.state, header.error?.message]).toEqual(['succeeded', undefined]);
  expect(await missing(fleet, 'c1', client)).toEqual([]);
  expect(await wrongWith(fleet, 'c1', [B, C, D])).toEqual([]);
});
