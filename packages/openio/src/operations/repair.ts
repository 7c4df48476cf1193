/**
 * Mends what a check finds and a program may mend.
 * Verified means: nothing that a program may mend is left of what was found.
 */
import type { Finding, KindDefinition } from '@longshore/core';
import { defineKind } from '@longshore/core';
import { ACTION_MS } from '../client/index.ts';
import { TroubleFound } from '../errors.ts';
import { takeInventory } from '../inventory.ts';
import { observe } from '../observe.ts';
import { openNamespace } from '../open.ts';
import { RepairParams } from '../params.ts';
import type { Trouble } from '../plan/diagnose.ts';
import { diagnose } from '../plan/diagnose.ts';
import { nameOf } from '../plan/facts.ts';
import { leasesOf } from './moves.ts';

/** Containers looked at at a time. */
const LOOKS = 8;

export const repair: KindDefinition<RepairParams> = defineKind({
  name: 'openio.repair',
  title: 'OpenIO: mend containers whose directory, peers, election and files disagree',
  role: 'rebalancer',
  params: RepairParams,
  tolerant: false,
  actionMs: ACTION_MS,
  columns: ['mended', 'left'],

  async plan(context) {
    const { proxies, concurrency, enable } = context.params;
    await using namespace = openNamespace(context, context.params);
    const services = await namespace.services();
    const { cids, unlisted } = await takeInventory(context, namespace, services, context.params);
    const found: { cid: string; name: string; troubles: Trouble[] }[] = [];
    let next = 0;
    const look = async (): Promise<void> => {
      for (let at = next++; at < cids.length; at = next++) {
        const facts = await observe(namespace, cids[at]!, services);
        const troubles = diagnose(facts);
        if (troubles.length > 0) found.push({ cid: cids[at]!, name: nameOf(facts), troubles });
      }
    };
    await Promise.all(Array.from({ length: LOOKS }, look));
    found.sort((a, b) => (a.cid < b.cid ? -1 : 1));
    const mends = ({ kind, remedy }: Trouble): boolean => remedy.do !== 'nothing' || (enable && (kind === 'frozen' || kind === 'disabled'));
    const wanted = found.filter(({ troubles }) => troubles.some(mends));
    const findings: Finding[] = [
      ...unlisted.map(({ service, why }): Finding => ({ level: 'warning', text: `the bases of ${service} could not be listed: ${why}` })),
      ...found.flatMap(({ name, troubles }) =>
        troubles.map(
          (trouble): Finding => ({
            level: mends(trouble) ? 'info' : 'warning',
            text: `${name}: ${trouble.text} (${mends(trouble) ? 'is mended' : trouble.mend})`,
          }),
        ),
      ),
    ];
    return {
      summary: [
        `${cids.length} containers were looked at: ${found.length} are not in order, ${wanted.length} of them can be mended by a program`,
      ],
      findings,
      stages:
        wanted.length === 0
          ? []
          : [
              {
                name: 'mend',
                title: 'mend what can be mended',
                concurrency,
                tolerant: true,
                approval: `mend ${wanted.length} containers: set peers, have them elected anew, remove files of services that are none of their hosts`,
                tasks: wanted.map(({ cid }, at) => ({
                  id: `mend-${at + 1}`,
                  task: 'openio.mend',
                  params: { proxies, namespace: namespace.name, cid, enable },
                  placement: 'role',
                })),
              },
            ],
      leases: leasesOf(namespace.name, wanted),
      fingerprint: { wanted: wanted.map(({ cid }) => cid) },
      expect: { containers: wanted.length },
      data: { namespace: namespace.name, containers: wanted.length },
    };
  },

  conclude({ header, rows, totals }) {
    const { left = 0 } = totals;
    const { containers = 0 } = header.expect;
    const mended = Object.keys(rows).length;
    if (left === 0 && mended === containers) return { ok: true };
    return { ok: false, error: TroubleFound({ containers: Math.max(1, containers - mended), troubles: left + containers - mended }).data };
  },
});
