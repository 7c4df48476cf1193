/**
 * The two operations of the automation that Vitess had up to version 7: the same tasks, commands, order and ids, on an engine that forgets
 * nothing. Verified means: every comparison of the original found no difference, and every migration was acknowledged.
 */
import type { Finding, Json, KindDefinition, TaskContext } from '@longshore/core';
import { defineKind } from '@longshore/core';
import type { z } from 'zod';
import { vtctl } from '../client/commands.ts';
import { legacyShards } from '../client/legacy-topology.ts';
import { endpointTarget, leaseScope, leaseTarget } from '../model.ts';
import type { LegacyOptions } from '../params.ts';
import { HorizontalParams, VerticalParams } from '../params.ts';
import type { LegacyOperation } from '../plan/containers.ts';
import { LEGACY_OPERATIONS } from '../plan/containers.ts';
import type { Parameters } from '../plan/leaf-tasks.ts';
import type { ShardPlace } from '../plan/legacy-preflight.ts';
import { legacyFindings } from '../plan/legacy-preflight.ts';
import { legacyStages } from '../plan/legacy-stages.ts';

interface LegacyParams extends LegacyOptions {
  vtctld_endpoint: string;
}

/** A command may be at work for an hour; it ends with its call, and that with the worker. */
const ACTION_MS = 60_000;

/** The original's own parameters, without ours. */
function originals(operation: LegacyOperation, params: object): Parameters {
  const known = [...operation.required, ...operation.optional];
  return Object.fromEntries(Object.entries(params).filter(([name]) => known.includes(name)));
}

async function look(context: TaskContext<LegacyParams>, places: ShardPlace[]): Promise<{ findings: Finding[]; seen: Json }> {
  await using server = context.target(endpointTarget(context.params.vtctld_endpoint), vtctl);
  const keyspaces = [...new Set(places.map(({ keyspace }) => keyspace))];
  const found: Record<string, Awaited<ReturnType<typeof legacyShards>>> = {};
  for (const keyspace of keyspaces) found[keyspace] = await legacyShards(server, keyspace);
  return { findings: legacyFindings(places, found), seen: JSON.parse(JSON.stringify(found)) as Json };
}

interface Shape<P> {
  params: z.ZodType<P>;
  title: string;
  places(params: P): ShardPlace[];
  summary(params: P): string[];
}

function legacyKind<P extends LegacyParams>(
  operation: LegacyOperation,
  { params: schema, title, places, summary }: Shape<P>,
): KindDefinition<P> {
  return defineKind<P>({
    name: operation.kind,
    title,
    role: 'migrator',
    params: schema,
    tolerant: false,
    guarded: true,
    actionMs: ACTION_MS,
    columns: [],

    async plan(context) {
      const { params } = context;
      const all = places(params);
      await using server = context.target(endpointTarget(params.vtctld_endpoint), vtctl);
      const { findings, seen } = params.preflight ? await look(context, all) : { findings: [], seen: null };
      const containers = operation.containers(originals(operation, params));
      return {
        summary: [
          ...summary(params),
          'reads are moved before writes; reads can be moved back, writes cannot: from then on there is no way back',
        ],
        findings,
        stages: legacyStages(containers, params),
        leases: [...new Set(all.map(({ keyspace }) => keyspace))].map((keyspace) => ({
          target: leaseTarget(server.address),
          scope: leaseScope(keyspace),
        })),
        fingerprint: seen,
        expect: {},
        data: { shards: all.map(({ keyspace, shard, side }) => ({ keyspace, shard, side })) },
      };
    },

    conclude: () => ({ ok: true }),
  });
}

const [horizontal, vertical] = LEGACY_OPERATIONS as [LegacyOperation, LegacyOperation];
const split = (list: string): string[] => list.split(',');

export const horizontalResharding: KindDefinition<HorizontalParams> = legacyKind(horizontal, {
  params: HorizontalParams,
  title: 'Reshard a keyspace of Vitess up to 7: clone, compare, migrate served types',
  places: ({ keyspace, source_shard_list, dest_shard_list }) => [
    ...split(source_shard_list).map((shard) => ({ keyspace, shard, side: 'source' as const })),
    ...split(dest_shard_list).map((shard) => ({ keyspace, shard, side: 'target' as const })),
  ],
  summary: ({ keyspace, source_shard_list, dest_shard_list }) => [`${keyspace}: ${source_shard_list} → ${dest_shard_list}`],
});

export const verticalSplit: KindDefinition<VerticalParams> = legacyKind(vertical, {
  params: VerticalParams,
  title: 'Move tables to another keyspace of Vitess up to 7: clone, compare, migrate served from',
  places: ({ source_keyspace, dest_keyspace, shard_list }) =>
    split(shard_list).flatMap((shard) => [
      { keyspace: source_keyspace, shard, side: 'source' as const },
      { keyspace: dest_keyspace, shard, side: 'target' as const },
    ]),
  summary: ({ source_keyspace, dest_keyspace, tables }) => [`${tables}: from ${source_keyspace} to ${dest_keyspace}`],
});
