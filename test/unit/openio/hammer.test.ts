/**
 * Clients write to every container and read from it, through two proxies, while its bases are moved: nothing that was acknowledged is lost
 * or invisible, and no container ever is not there.
 */
import { expect, test } from 'vitest';
import { until } from '../../support/until.ts';
import { makeContainer, startFleet } from './fleet.ts';
import { hammer, missing } from './traffic.ts';

const IDS = Array.from({ length: 6 }, (_, at) => `127.0.0.1:1602${at}`);
const [A, B, C] = IDS as [string, string, string];
const CONTAINERS = ['c1', 'c2', 'c3'];

test.each([0, 3])('a rebalancing under load, when a leave meets other activity within %i ms', async (leaveRaceMs) => {
  await using fleet = await startFleet({ services: IDS, leaveRaceMs });
  for (const name of CONTAINERS) await makeContainer(fleet, name, [A, B, C]);
  const clients = CONTAINERS.map((name) => hammer(fleet, name));
  await until(() => clients.every(({ seen }) => seen.writes > 20), 'clients write');
  const header = await fleet.run({ kind: 'openio.rebalance', params: { ...fleet.where, tolerancePercent: 0, concurrency: 3 } });
  const written = clients.map(({ seen }) => seen.writes);
  await until(() => clients.every(({ seen }, at) => seen.writes > written[at]! + 20), 'clients write afterwards');
  for (const client of clients) await client.stop();

  expect([header.state, header.error?.message]).toEqual(['succeeded', undefined]);
  const { moves } = { moves: header.expect.moves };
  expect(moves).toBeGreaterThan(0);
  expect(clients.flatMap(({ seen }) => seen.wrong)).toEqual([]);
  for (const [at, name] of CONTAINERS.entries()) expect(await missing(fleet, name, clients[at]!)).toEqual([]);
  const sum = (of: (seen: (typeof clients)[number]['seen']) => number): number => clients.reduce((total, { seen }) => total + of(seen), 0);
  const longest = Math.max(...clients.map(({ seen }) => seen.longestPauseMs));
  console.info(
    `${moves} moves: ${sum(({ writes }) => writes)} writes, ${sum(({ objects }) => objects)} objects, ${sum(({ reads }) => reads)} reads, longest pause ${Math.round(longest)} ms`,
  );
});
