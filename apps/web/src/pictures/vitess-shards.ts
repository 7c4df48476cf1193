/** Shards before and after, and tables on their way, from what the kinds keep in their plans and show. Pure; what is not there is not drawn. */
import type { Json, OperationHeader, Shown, StoredPlan } from '../wire.ts';

type Traffic = 'writes' | 'reads' | 'replica reads' | 'rdonly reads';

export interface ShardView {
  name: string;
  /** Where it lies in the key range, and how much of it it is: 0 to 1. */
  from: number;
  share: number;
  /** What clients use it for at present. */
  serves: Traffic[];
}

export interface Side {
  keyspace: string;
  shards: ShardView[];
}

export interface TableView {
  table: string;
  copied: number;
  total: number;
  compared: number;
  different: number;
}

export interface ShardsView {
  source: Side;
  target: Side;
  tables: TableView[];
  /** `All Reads Switched. Writes Not Switched` */
  traffic: string;
  lagSeconds: number | undefined;
  throttled: boolean;
}

type Fields = { [key: string]: Json };

const fieldsOf = (value: Json | undefined): Fields => (typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {});
const textsOf = (value: Json | undefined): string[] => (Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []);
const listOf = (value: Json | undefined): Fields[] => (Array.isArray(value) ? value.map(fieldsOf) : []);
const numberOf = (value: Json | undefined): number => (typeof value === 'number' ? value : 0);

/** `-80` is the first half; a name that is no range is the whole. */
export function rangeOf(shard: string): { from: number; share: number } {
  const [, start, end] = /^([0-9a-f]*)-([0-9a-f]*)$/i.exec(shard) ?? [];
  if (start === undefined || end === undefined) return { from: 0, share: 1 };
  const at = (hex: string, open: number): number => (hex === '' ? open : Number.parseInt(hex.padEnd(4, '0').slice(0, 4), 16) / 0x1_0000);
  return { from: at(start, 0), share: at(end, 1) - at(start, 0) };
}

function side(keyspace: string, names: string[], serves: Traffic[]): Side {
  return { keyspace, shards: names.map((name) => ({ name, ...rangeOf(name), serves })).sort((a, b) => a.from - b.from) };
}

/** Which traffic is at which side, by what the tasks have seen last. */
function servedBy(where: 'source' | 'target', traffic: Fields): Traffic[] {
  const { reads = 'source', writes = 'source' } = traffic;
  const found: Traffic[] = [];
  if (writes === where) found.push('writes');
  if (reads === where || reads === 'both') found.push('reads');
  return found;
}

/** The automation of old moves one type after another, each by a stage of its own. */
function legacyTraffic(header: OperationHeader): Record<'source' | 'target', Traffic[]> {
  const moved = (type: string): boolean => {
    const stages = header.stages.filter(({ name }) => name.startsWith(`migrate-${type}`));
    return stages.length > 0 && stages.every(({ state }) => state === 'done') && header.state !== 'reverted';
  };
  const all: [Traffic, string][] = [
    ['writes', 'master'],
    ['replica reads', 'replica'],
    ['rdonly reads', 'rdonly'],
  ];
  const at = (target: boolean): Traffic[] => all.filter(([, type]) => moved(type) === target).map(([traffic]) => traffic);
  return { source: at(false), target: at(true) };
}

export function shardsView(header: OperationHeader, plan: StoredPlan, shown: Shown): ShardsView | undefined {
  const data = fieldsOf(plan.data);
  const places = listOf(data.shards);
  if (places.length > 0) {
    const traffic = legacyTraffic(header);
    const of = (where: 'source' | 'target'): Side => {
      const own = places.filter((place) => place.side === where);
      return side(
        String(own[0]?.keyspace ?? ''),
        own.map(({ shard }) => String(shard)),
        traffic[where],
      );
    };
    return { source: of('source'), target: of('target'), tables: [], traffic: '', lagSeconds: undefined, throttled: false };
  }
  const sources = textsOf(data.sourceShards);
  const targets = textsOf(data.targetShards);
  if (sources.length === 0 || targets.length === 0) return undefined;
  const traffic = fieldsOf(shown.exhibits.traffic);
  return {
    source: side(String(data.sourceKeyspace ?? data.keyspace), sources, servedBy('source', traffic)),
    target: side(String(data.keyspace), targets, servedBy('target', traffic)),
    tables: tablesOf(textsOf(data.tables), shown),
    traffic: typeof traffic.traffic === 'string' ? traffic.traffic : '',
    lagSeconds: typeof traffic.lagSeconds === 'number' ? traffic.lagSeconds : undefined,
    throttled: traffic.throttled === true,
  };
}

function tablesOf(names: readonly string[], { exhibits }: Shown): TableView[] {
  const copies = new Map(listOf(fieldsOf(exhibits.copy).tables).map((one) => [String(one.table), one]));
  const diffs = Map.groupBy(listOf(fieldsOf(exhibits.diff).tables), ({ table }) => String(table));
  return [...new Set([...names, ...copies.keys()])].sort().map((table) => {
    const own = diffs.get(table) ?? [];
    const sum = (...parts: string[]): number => own.reduce((all, one) => parts.reduce((some, part) => some + numberOf(one[part]), all), 0);
    const copied = numberOf(copies.get(table)?.copied);
    return {
      table,
      copied,
      // What MySQL says of the rows of a table is an estimate.
      total: Math.max(copied, numberOf(copies.get(table)?.total)),
      compared: sum('compared'),
      different: sum('mismatched', 'extraSource', 'extraTarget'),
    };
  });
}
