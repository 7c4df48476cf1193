/** The two worlds: bulk cargo, and the guarded switch of a route. */

import type { Work, World } from './simulation.ts';
import { Cargo } from './simulation-cargo.ts';
import { GuardedWork } from './simulation-guarded.ts';
import { GuardedChecks } from './simulation-guarded-check.ts';
import { cargoPeople, guardedPeople, submit } from './simulation-people.ts';
import { type Script, SLOW, SMOOTH } from './simulation-shape.ts';
import { ACTION_MS, SimulatedTarget } from './simulation-target.ts';

export function cargoWork(world: World): Work {
  const cargo = new Cargo(world.seed, world.random, world.clock);
  return {
    system: cargo.system,
    queues: ['dumper', 'dump.', 'restore.'],
    people: () => cargoPeople(world),
    async finale(settle) {
      // Whatever the leases of the dead were, they are free for who comes now.
      const id = await submit(world, { kind: 'sim.move', params: { number: 99 }, owner: 'person' });
      await settle();
      const last = (await world.store.header(id))!;
      if (last.state !== 'succeeded') throw new Error(`ends: the last operation ended ${last.state}: ${last.error?.message}`);
      for (const one of world.watch.ids) await cargo.check(world.store, (await world.store.header(one))!);
    },
  };
}

/** The guarded kinds as the seed, or a script, wants them; with what looks at them. */
export function guardedWorkWith(world: World, script: Script = {}): Work & { checks: GuardedChecks } {
  const target = new SimulatedTarget(world, world.random.next() < 0.3 ? 0 : world.random.next() * 0.6);
  const checks = new GuardedChecks(world, target);
  const guarded = new GuardedWork(world.seed, target, (worker) => world.processes.get(worker)!, script);
  return {
    checks,
    system: guarded.system(world.sabotage.handling),
    queues: ['migrator'],
    store: (store) => checks.store(store),
    people: () => guardedPeople(world, checks),
    async finale(settle) {
      await world.clock.sleep(ACTION_MS);
      const slow = await submit(world, { kind: 'sim.switch', params: { number: SLOW }, owner: 'person' });
      await settle();
      await checks.checkInTime(slow);
      const smooth = await submit(world, { kind: 'sim.switch', params: { number: SMOOTH }, owner: 'person' });
      await settle();
      const last = (await world.store.header(smooth))!;
      if (last.state !== 'succeeded') throw new Error(`ends: the last operation ended ${last.state}: ${last.error?.message}`);
      for (const id of world.watch.ids) await checks.check(id);
    },
  };
}

export function guardedWork(world: World): Work {
  return guardedWorkWith(world);
}
