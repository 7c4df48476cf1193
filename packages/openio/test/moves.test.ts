/** The planner of moves: as few as there can be, always the same, never worse spread; large namespaces at once. */
import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { broken, distance, isWorse, LOOSE, parseConstraint, spreadOf } from '../src/plan/locations.ts';
import type { MovesRequest, PlannedContainer, PlannedService } from '../src/plan/moves.ts';
import { planMoves } from '../src/plan/moves.ts';
import { targetsOf } from '../src/plan/targets.ts';

const cidOf = (at: number): string => at.toString(16).toUpperCase().padStart(64, '0');

const arbitraryRequest = (): fc.Arbitrary<MovesRequest> =>
  fc
    .record({
      services: fc.array(
        fc.record({ server: fc.nat({ max: 5 }), score: fc.constantFrom(0, 30, 60, 60, 90), up: fc.constantFrom(true, true, true, false) }),
        {
          minLength: 4,
          maxLength: 9,
        },
      ),
      picks: fc.array(fc.array(fc.nat({ max: 1_000 }), { minLength: 3, maxLength: 3 }), { maxLength: 60 }),
      tolerancePercent: fc.constantFrom(0, 5),
    })
    .map(({ services: given, picks, tolerancePercent }) => {
      const services = given.map(
        ({ server, score, up }, at): PlannedService => ({ id: `s${at}`, location: `srv${server}.vol${at}`, score, up }),
      );
      const containers = picks.map((pick, at): PlannedContainer => {
        const left = services.map(({ id }) => id);
        return { cid: cidOf(at), hosts: pick.map((one) => left.splice(one % left.length, 1)[0]!) };
      });
      return { services, containers, constraint: LOOSE, tolerancePercent };
    });

const hostsAfter = ({ containers }: MovesRequest, moves: readonly { cid: string; from: string; to: string }[]): Map<string, string[]> => {
  const hosts = new Map(containers.map((container) => [container.cid, [...container.hosts]]));
  for (const { cid, from, to } of moves)
    hosts.set(
      cid,
      hosts.get(cid)!.map((host) => (host === from ? to : host)),
    );
  return hosts;
};

describe('targets', () => {
  test.prop([fc.array(fc.nat({ max: 100 }), { minLength: 1, maxLength: 12 }), fc.nat({ max: 500 })])(
    'add up to what there is, as far as it fits, and to nothing for a weight of 0',
    (weights, most) => {
      const services = weights.map((weight, at) => ({ id: `s${at}`, weight }));
      const total = most * 3;
      const targets = targetsOf(services, total, most);
      const room = services.filter(({ weight }) => weight > 0).length * most;
      expect([...targets.values()].reduce((sum, one) => sum + one, 0)).toBe(Math.min(total, room));
      for (const { id, weight } of services) {
        expect(targets.get(id)!).toBeLessThanOrEqual(most);
        if (weight === 0) expect(targets.get(id)).toBe(0);
      }
    },
  );
});

describe('a plan', () => {
  test.prop([arbitraryRequest()])('is the same for the same snapshot, in whatever order it comes', (request) => {
    const again = planMoves({ ...request, containers: [...request.containers].reverse() });
    expect(again.moves).toEqual(planMoves(request).moves);
  });

  test.prop([arbitraryRequest()])(
    'replaces one replica by one that the container does not have, on a service that may take it',
    (request) => {
      const hosts = new Map(request.containers.map((container) => [container.cid, [...container.hosts]]));
      const byId = new Map(request.services.map((service) => [service.id, service]));
      for (const { cid, from, to } of planMoves(request).moves) {
        const set = hosts.get(cid)!;
        expect(set).toContain(from);
        expect(set).not.toContain(to);
        expect(byId.get(to)).toMatchObject({ up: true });
        expect(byId.get(to)!.score).toBeGreaterThan(0);
        expect(byId.get(from)!.up).toBe(true);
        hosts.set(
          cid,
          set.map((host) => (host === from ? to : host)),
        );
      }
    },
  );

  test.prop([arbitraryRequest()])('never spreads a container less, and says what comes out', (request) => {
    const { moves, bars } = planMoves(request);
    const location = new Map(request.services.map((service) => [service.id, service.location]));
    const after = hostsAfter(request, moves);
    for (const { cid, hosts } of request.containers) {
      const at = (ids: readonly string[]) => spreadOf(ids.map((id) => location.get(id)!));
      expect(isWorse(at(after.get(cid)!), at(hosts))).toBe(false);
    }
    for (const { service, after: count } of bars)
      expect([...after.values()].filter((hosts) => hosts.includes(service))).toHaveLength(count);
  });

  test.prop([arbitraryRequest()])('takes no base from a service that has not too many, and never more than it has too many', (request) => {
    const { moves, bars } = planMoves(request);
    for (const { service, before, target } of bars) {
      const lost = moves.filter(({ from }) => from === service).length;
      expect(lost).toBeLessThanOrEqual(Math.max(0, before - target));
    }
    expect(moves.length).toBeLessThanOrEqual(bars.reduce((sum, { before, target }) => sum + Math.max(0, before - target), 0));
  });

  test.prop([arbitraryRequest()])('made once more where it has been carried out, has nothing left to do', (request) => {
    const { moves, bars, stuck } = planMoves(request);
    // Where a service could not give, or had to be emptied into others beyond their share, there may be more to do afterwards.
    fc.pre(stuck.length === 0 && bars.every(({ before, after: count, target }) => count <= Math.max(before, target)));
    fc.pre(request.services.every(({ up, score }) => up && score > 0));
    const after = hostsAfter(request, moves);
    const second = planMoves({ ...request, containers: request.containers.map(({ cid }) => ({ cid, hosts: after.get(cid)! })) });
    expect(second.moves).toEqual([]);
  });
});

test('a base goes to no service that is to have none either, where there are fewer bases than services', () => {
  const service = (id: string, location: string, score: number) => ({ id, location, score, up: true });
  const services = [
    service('s0', 'srv2.vol0', 60),
    service('s1', 'srv2.vol1', 90),
    service('s2', 'srv0.vol2', 30),
    service('s3', 'srv3.vol3', 90),
    service('s4', 'srv0.vol4', 60),
    service('s5', 'srv4.vol5', 30),
  ];
  const plan = planMoves({ services, containers: [{ cid: cidOf(0), hosts: ['s5', 's2', 's0'] }], constraint: LOOSE, tolerancePercent: 0 });
  expect(plan.moves).toEqual([{ cid: cidOf(0), from: 's2', to: 's3' }]);
  expect(plan.stuck).toEqual([{ service: 's5', bases: 1 }]);
});

test('a service is emptied, also where all the others have what they should', () => {
  const services = ['a', 'b', 'c', 'd', 'e'].map((id, at) => ({ id, location: `srv${at}.vol1`, score: 60, up: true }));
  const containers = Array.from({ length: 40 }, (_, at) => ({
    cid: cidOf(at),
    hosts: ['a', 'b', 'c', 'd', 'e'].filter((_id, place) => (at + place) % 5 < 3),
  }));
  const plan = planMoves({
    services,
    containers,
    constraint: LOOSE,
    tolerancePercent: 0,
    drain: { ids: ['a'], keepPercent: 0 },
    sources: ['a'],
  });
  expect(plan.bars.find(({ service }) => service === 'a')).toMatchObject({ after: 0, target: 0 });
  expect(plan.moves).toHaveLength(plan.bars.find(({ service }) => service === 'a')!.before);
  expect(plan.moves.every(({ from }) => from === 'a')).toBe(true);
});

test('ten thousand containers on twenty services, of which four are new', () => {
  const services = Array.from({ length: 20 }, (_, at) => ({
    id: `s${String(at).padStart(2, '0')}`,
    location: `srv${at % 10}.vol${at}`,
    score: 60,
    up: true,
  }));
  const containers = Array.from({ length: 10_000 }, (_, at) => ({
    cid: cidOf(at),
    hosts: [at % 16, (at * 7 + 3) % 16, (at * 11 + 9) % 16].map(
      (one, place, all) => `s${String(all.indexOf(one) === place ? one : (one + 5 * place) % 16).padStart(2, '0')}`,
    ),
    bytes: (at * 7_919) % 1_000_003,
  })).filter(({ hosts }) => new Set(hosts).size === 3);
  const began = performance.now();
  const { moves, bars } = planMoves({ services, containers, constraint: parseConstraint('3.3.2.1')!, tolerancePercent: 5 });
  console.info(`${containers.length} containers, ${moves.length} moves, planned in ${Math.round(performance.now() - began)} ms`);
  expect(moves.length).toBeGreaterThan(1_000);
  for (const { service, after, target } of bars) expect(Math.abs(after - target), service).toBeLessThanOrEqual(Math.max(1, target * 0.06));
});

describe('locations', () => {
  test('distances', () => {
    expect(distance('dc1.r1.s1.d1', 'dc1.r1.s1.d1')).toBe(0);
    expect(distance('dc1.r1.s1.d1', 'dc1.r1.s1.d2')).toBe(1);
    expect(distance('dc1.r1.s1.d1', 'dc1.r1.s2.d1')).toBe(2);
    expect(distance('dc1.r1.s1.d1', 'dc1.r2.s1.d1')).toBe(3);
    expect(distance('dc1.r1.s1.d1', 'dc2.r1.s1.d1')).toBe(4);
    expect(distance('srv1.vol1', 'srv2.vol1')).toBe(2);
    expect(distance('dc1.r1.s1.d1', 's1.d1')).toBe(4);
  });

  test('a constraint says what breaks it', () => {
    const constraint = parseConstraint('3.3.2.1', 1)!;
    expect(broken(['s1.d1', 's2.d1', 's3.d1'], constraint)).toEqual([]);
    expect(broken(['s1.d1', 's1.d2', 's1.d3'], constraint)).toEqual(['3 replicas on the server s1, of which it may hold 2']);
    expect(broken(['s1.d1', 's1.d1', 's3.d1'], constraint)).toContain('two replicas at a distance of 0, which must be 1');
    expect(parseConstraint('3.3')).toBeUndefined();
    expect(parseConstraint('3.x.2.1')).toBeUndefined();
  });
});
