/** What a reshard does, and what stands in its way, from a snapshot of the keyspace. Pure: same snapshot, same plan. */
import type { Finding } from '@longshore/core';
import { StreamsExist } from '../client/errors.ts';
import { READ_TYPES, SERVED_TYPES } from '../model.ts';
import type { ReshardParams } from '../params.ts';
import type { KeyspaceSnapshot, ShardSnapshot } from './snapshot.ts';

/** Bytes of the first eight of a key range, as a number; enough to tell ranges of shards apart. */
function bound(hex: string, open: bigint): bigint {
  return hex === '' ? open : BigInt(`0x${hex.padEnd(16, '0').slice(0, 16)}`);
}

const END = 1n << 64n;

/** From and to, not including; a name that is no range is the whole. */
export function keyRange(shard: string): { from: bigint; to: bigint } {
  const [, start, end] = /^([0-9a-fA-F]*)-([0-9a-fA-F]*)$/.exec(shard) ?? [];
  if (start === undefined || end === undefined) return { from: 0n, to: END };
  return { from: bound(start, 0n), to: bound(end, END) };
}

/** What shards cover together, as one run; undefined where they leave a gap or overlap. */
export function covered(shards: readonly string[]): { from: bigint; to: bigint } | undefined {
  const ranges = shards.map(keyRange).sort((a, b) => (a.from < b.from ? -1 : 1));
  for (const [at, { to }] of ranges.entries()) if (ranges[at + 1] !== undefined && ranges[at + 1]!.from !== to) return undefined;
  const [first] = ranges;
  return first && { from: first.from, to: ranges.at(-1)!.to };
}

export function reshardFindings(params: ReshardParams, workflow: string, seen: KeyspaceSnapshot | undefined): Finding[] {
  const { keyspace, sourceShards, targetShards } = params;
  const findings: Finding[] = [];
  const error = (text: string): void => void findings.push({ level: 'error', text });
  if (!seen) {
    error(`there is no keyspace ${keyspace}`);
    return findings;
  }
  const shards = new Map(seen.shards.map((shard) => [shard.name, shard]));
  const all = [...shards.keys()].sort().join(', ') || 'none';
  const there = (names: readonly string[], tell = true): ShardSnapshot[] =>
    names.flatMap((shard) => {
      const found = shards.get(shard);
      if (!found && tell) error(`there is no shard ${keyspace}/${shard}; the keyspace has ${all}`);
      return found ?? [];
    });
  for (const { name, serving } of there(sourceShards))
    if (!serving || SERVED_TYPES.some((type) => !seen.served[type].includes(name)))
      error(`${keyspace}/${name} does not serve all traffic, so it is no source`);
  for (const { name, primary, serving, filled } of there(targetShards)) {
    if (primary === null) error(`${keyspace}/${name} has no primary; make one with PlannedReparentShard`);
    if (serving || SERVED_TYPES.some((type) => seen.served[type].includes(name)))
      error(`${keyspace}/${name} serves traffic, so it is no target`);
    if (filled.length > 0)
      error(
        `${keyspace}/${name} is not empty: ${filled.join(', ')} ${filled.length === 1 ? 'has' : 'have'} rows; a copy would stumble over them`,
      );
  }
  findings.push(...tabletFindings(keyspace, there(sourceShards, false), there(targetShards, false)));
  const from = covered(sourceShards);
  const to = covered(targetShards);
  if (!from || !to || from.from !== to.from || from.to !== to.to)
    error(`${sourceShards.join(', ')} and ${targetShards.join(', ')} do not cover the same key range without gaps`);
  findings.push(...vschemaFindings(keyspace, seen), ...workflowFindings(keyspace, workflow, targetShards, seen));
  findings.push(...throttlerFindings(params, seen), ...gateFindings(params));
  return findings;
}

function vschemaFindings(keyspace: string, { vschema, tables }: KeyspaceSnapshot): Finding[] {
  if (!vschema?.sharded)
    return [{ level: 'error', text: `the vschema of ${keyspace} is not sharded: nobody could say which rows go where` }];
  const known = new Map(vschema.tables.map((table) => [table.name, table.hasVindex]));
  const without = tables.filter((table) => !known.get(table));
  if (without.length === 0) return [];
  return [
    {
      level: 'error',
      text: `${without.join(', ')} ${without.length === 1 ? 'has' : 'have'} no primary vindex in the vschema of ${keyspace}`,
    },
  ];
}

/** Reads are switched to shards that have nobody to answer them, and vtctld does not mind: then every query of that type fails. */
export function tabletFindings(keyspace: string, sources: readonly ShardSnapshot[], targets: readonly ShardSnapshot[]): Finding[] {
  return READ_TYPES.filter((type) => sources.some(({ types }) => types.includes(type))).flatMap((type) =>
    targets
      .filter(({ types }) => !types.includes(type))
      .map(({ name }) => ({
        level: 'error' as const,
        text: `${keyspace}/${name} has no ${type} tablet, and the source has: reads of that type would find nobody there`,
      })),
  );
}

export function workflowFindings(
  keyspace: string,
  workflow: string,
  targetShards: readonly string[],
  { workflows, unread }: KeyspaceSnapshot,
): Finding[] {
  const findings: Finding[] = [];
  if (unread !== undefined) findings.push({ level: 'error', text: unread });
  for (const other of workflows) {
    const shared = other.targetShards.filter((shard) => targetShards.includes(shard));
    if (other.target !== keyspace || shared.length === 0) continue;
    const what = other.name === workflow ? `a workflow ${workflow}` : `the workflow ${other.name}`;
    const text = `${what} writes to ${shared.map((shard) => `${keyspace}/${shard}`).join(', ')} already`;
    findings.push({ level: 'error', text, error: StreamsExist({ what: `create ${workflow}`, server: 'vtctld', answer: text }).data });
  }
  return findings;
}

export function throttlerFindings({ load }: { load: { metric: string } | null }, { throttlerOn, name }: KeyspaceSnapshot): Finding[] {
  if (load === null || throttlerOn) return [];
  return [
    {
      level: 'warning',
      text: `the tablet throttler of ${name} is off, so the copying is not slowed down under load; \`vtctldclient UpdateThrottlerConfig --enable ${name}\` turns it on`,
    },
  ];
}

export function gateFindings({ vtgates, gateRefreshMs }: { vtgates: string[]; gateRefreshMs: number }): Finding[] {
  if (vtgates.length > 0) return [];
  return [
    {
      level: 'info',
      text: `no vtgate is named, so none is asked whether it knows the targets; tablets must be ${gateRefreshMs / 1_000} s old instead`,
    },
  ];
}
