/** The file of what removed batches held, damaged: of each batch what was written, or an error; `not there` only where nothing hints at a loss. */
import { LongshoreError } from '@longshore/core';
import { openSpool, type Tombstone, Tombstones } from '@longshore/spool';
import { beforeAll, expect } from 'vitest';
import { Dice, damaged, fuzz } from './harness.ts';
import { MemoryFiles } from './memory-files.ts';
import { naiveLines } from './naive-spool.ts';

const PATH = '/spool/op-1/tombstones';
const NAMES = ['b0', 'b1', 'b2', 'b3', 'b4', 'b5'];

type New = Parameters<Tombstones['add']>[0][number];

async function open(files: MemoryFiles): Promise<Tombstones> {
  return new Tombstones(await openSpool({ name: 'a', path: '/spool' }, { files }), PATH);
}

function made(batch: string, dice: Dice): New {
  const metrics = dice.times(dice.below(3), (number) => {
    const counts = new Map(dice.times(1 + dice.below(3), (at) => [`{"__name__":"m${number}","h":"${at}"}`, 1 + dice.below(3)] as const));
    const points = [...counts.values()].reduce((sum, count) => sum + count, 0);
    return { metric: `m${number}`, points, hash: String(dice.below(9)).repeat(16), series: counts.size, counts };
  });
  const points = metrics.reduce((sum, metric) => sum + metric.points, 0);
  return {
    batch,
    meta: { größe: dice.below(9) },
    totals: { chunks: metrics.length, points, series: 1, bytes: 9, lineBytes: 99 },
    compared: { points, matched: points, missing: 0, extra: 0, different: 0, precisionLost: 0 },
    metrics,
  };
}

interface Base {
  bytes: Buffer;
  written: New[];
}

/** Some at a time; between them a writer died in the middle of a line. */
async function base(dice: Dice): Promise<Base> {
  const files = new MemoryFiles();
  files.put(PATH, Buffer.alloc(0));
  const written: New[] = [];
  const names = NAMES.slice(0, 1 + dice.below(NAMES.length));
  while (written.length < names.length) {
    const some = names.slice(written.length, written.length + 1 + dice.below(3)).map((name) => made(name, dice));
    written.push(...some);
    await (await open(files)).add(some);
    if (dice.oneIn(3))
      files.put(PATH, Buffer.concat([files.filesIn('/spool').get('op-1/tombstones')!, Buffer.from('0123abcd {"k":"batch","ba')]));
  }
  return { bytes: files.filesIn('/spool').get('op-1/tombstones')!, written };
}

const bases: Base[] = [];
beforeAll(async () => {
  for (let number = 0; number < 100; number++) bases.push(await base(new Dice(1, number)));
});

async function orDamaged<T>(run: () => Promise<T>): Promise<T | 'damaged'> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof LongshoreError)) throw error;
    expect(error.data.code).toBe('LSH_SPOOL_DAMAGED');
    expect(error.message).toMatch(/^\/spool\/op-1\/tombstones is damaged: the (line at byte \d+|labels [0-9a-f]+) ./);
    return 'damaged';
  }
}

const withoutCounts = ({ metrics, ...rest }: New): Tombstone => ({ ...rest, metrics: metrics.map(({ counts: _, ...metric }) => metric) });

fuzz('a damaged file of tombstones gives what was written, or is refused', 2_000, async (dice) => {
  const { bytes: whole, written } = dice.pick(bases);
  const bytes = dice.oneIn(10) ? whole : damaged(whole, dice);
  const files = new MemoryFiles();
  files.put(PATH, bytes);
  if (dice.oneIn(3)) files.readAtMost = (asked) => 1 + dice.below(Math.min(asked, 700));
  const tombstones = await open(files);
  const lines = naiveLines(bytes);
  const torn = new Set(lines.flatMap(({ fields }) => (fields?.k === 'torn' ? [fields.at] : [])));
  const lost = lines.some(({ from, end, fields }) => fields === undefined && !torn.has(from) && end > from + 1 && bytes[end - 1] === 10);
  const shown = JSON.stringify(bytes.toString('latin1'));
  const names = written
    .map(({ batch }) => batch)
    .filter((name) => lines.some(({ fields }) => fields?.k === 'batch' && fields.batch === name));
  expect(await orDamaged(() => tombstones.batches()), shown).toEqual(lost ? 'damaged' : names);
  // To decompress their labels takes longer than everything else.
  const withSeries = dice.oneIn(8);
  for (const one of written) {
    const there = names.includes(one.batch);
    const expected = there ? withoutCounts(one) : lost ? 'damaged' : undefined;
    expect(await orDamaged(() => tombstones.find(one.batch)), shown).toEqual(expected);
    if (!there || !withSeries) continue;
    for (const { metric, counts } of one.metrics) {
      const found = await orDamaged(() => tombstones.seriesCounts(one.batch, metric));
      if (found !== 'damaged') expect(found, shown).toEqual(counts);
      else expect(bytes.equals(whole), shown).toBe(false);
    }
  }
});
