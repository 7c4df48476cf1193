/** What moving tables between keyspaces does, and what stands in its way. Pure. */
import type { Finding } from '@longshore/core';
import { SERVED_TYPES } from '../model.ts';
import type { MoveTablesParams } from '../params.ts';
import { gateFindings, tabletFindings, throttlerFindings, workflowFindings } from './reshard.ts';
import type { KeyspaceSnapshot, ShardSnapshot } from './snapshot.ts';

/** Shards that serve everything: the ends of the workflow. */
export function servingShards({ served }: KeyspaceSnapshot): string[] {
  return served.PRIMARY.filter((shard) => SERVED_TYPES.every((type) => served[type].includes(shard)));
}

export function moveTablesFindings(
  params: MoveTablesParams,
  workflow: string,
  source: KeyspaceSnapshot | undefined,
  target: KeyspaceSnapshot | undefined,
): Finding[] {
  const { sourceKeyspace, targetKeyspace, tables } = params;
  const findings: Finding[] = [];
  const error = (text: string): void => void findings.push({ level: 'error', text });
  if (sourceKeyspace === targetKeyspace) error(`${sourceKeyspace} is source and target at once`);
  if (!source) error(`there is no keyspace ${sourceKeyspace}`);
  if (!target) error(`there is no keyspace ${targetKeyspace}`);
  if (!source || !target) return findings;
  const missing = tables.filter((table) => !source.tables.includes(table));
  if (missing.length > 0) error(`${sourceKeyspace} has no table ${missing.join(', ')}`);
  if (source.tables.length === 0) error(`${sourceKeyspace} has no tables`);
  const moving = tables.length > 0 ? tables : source.tables;
  for (const { name, primary, filled } of target.shards) {
    if (!target.served.PRIMARY.includes(name)) continue;
    if (primary === null) error(`${targetKeyspace}/${name} has no primary`);
    const there = filled.filter((table) => moving.includes(table));
    if (there.length > 0) error(`${targetKeyspace}/${name} has rows in ${there.join(', ')} already`);
  }
  if (target.vschema?.sharded) {
    const known = new Map(target.vschema.tables.map((table) => [table.name, table.hasVindex]));
    const without = moving.filter((table) => !known.get(table));
    if (without.length > 0)
      error(`${without.join(', ')} ${without.length === 1 ? 'has' : 'have'} no primary vindex in the vschema of ${targetKeyspace}`);
  }
  const ends = (seen: KeyspaceSnapshot): ShardSnapshot[] => seen.shards.filter(({ name }) => seen.served.PRIMARY.includes(name));
  findings.push(...tabletFindings(targetKeyspace, ends(source), ends(target)));
  findings.push(...workflowFindings(targetKeyspace, workflow, servingShards(target), target));
  findings.push(...throttlerFindings(params, source), ...gateFindings(params));
  return findings;
}
