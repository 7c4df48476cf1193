/** The move of a recorded scenario, made by Longshore: from the recorded old set to the recorded new one, with the same traps laid. */
import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { electionProblems } from '@longshore/openio';
import { expect } from 'vitest';
import { ask, makeContainer, startFleet } from '../unit/openio/fleet.ts';
import { membersOf } from './openio-judged.ts';
import { isRaced, servicesOf } from './openio-replay.ts';
import type { Scenario } from './openio-shapes.ts';

/** False when the scenario replaces nothing, or more than one. */
export async function drive(scenario: Scenario): Promise<boolean> {
  const { old, new: wanted, cid, container } = scenario;
  if (wanted === undefined) return false;
  const [from, ...moreFrom] = old.filter((id) => !wanted.includes(id));
  const [to, ...moreTo] = wanted.filter((id) => !old.includes(id));
  if (from === undefined || to === undefined || moreFrom.length > 0 || moreTo.length > 0) return false;
  await using fleet = await startFleet({ services: servicesOf(scenario) });
  await makeContainer(fleet, container, old);
  if (isRaced(scenario.steps)) fleet.io.cluster.steering.racedLeaves = old.length;
  const header = await fleet.run({ kind: 'openio.move-base', params: { ...fleet.where, account: 'acct', container, from, to } });
  expect([header.state, header.error?.message]).toEqual(['succeeded', undefined]);

  const { cluster } = fleet.io;
  const all = [...cluster.services.keys()].join(',');
  const path = `cid=${cluster.meta1.all()[0]!.cid}&type=meta2`;
  const { json } = await ask(fleet, 1, 'POST', `admin/debug?${path}&service_id=${all}`);
  expect(electionProblems({ members: membersOf(json as never), wanted, gone: [from] })).toEqual([]);
  expect(cluster.meta1.hosts(`${cluster.meta1.all()[0]!.cid}.1`)).toEqual([...wanted].sort());
  for (const [id, service] of cluster.services) {
    const file = service.file(`${cluster.meta1.all()[0]!.cid}.1`).path;
    expect(existsSync(file), `a file at ${id}`).toBe(wanted.includes(id));
    if (!wanted.includes(id)) continue;
    const db = new DatabaseSync(file, { readOnly: true });
    const row = db.prepare("SELECT CAST(v AS TEXT) AS peers FROM admin WHERE k = 'sys.peers'").get();
    db.close();
    expect(row).toMatchObject({ peers: [...wanted].sort().join(',') });
  }
  expect(scenario.account === 'acct' ? cluster.meta1.all()[0]!.cid : cid).toBe(cid);
  return true;
}
