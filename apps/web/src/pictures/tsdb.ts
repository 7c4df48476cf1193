/** Batches as a grid of windows: a row a day or a week, a cell a window and slice of the metrics. */

import { roughly } from '../format.ts';
import { drawBulk } from './bulk.ts';
import type { GridWords } from './grid.ts';
import type { Picture } from './picture.ts';

const WORDS: GridWords = {
  one: 'batch',
  many: 'batches',
  cells: { d: 'dumping', r: 'ready to be restored', s: 'restoring', v: 'verified' },
};

const FOLLOW_WORDS: GridWords = {
  one: 'window',
  many: 'windows',
  cells: { ...WORDS.cells, r: 'in the sink, to be read again', v: 'done' },
};

export const tsdbPicture: Picture = { kinds: 'tsdb.', draw: (props) => drawBulk(props, WORDS) };

/** Windows of a source that is still written to, and how far behind it the sink is. */
export const followPicture: Picture = {
  kinds: 'tsdb.follow',
  draw(props) {
    const { reachedAt, finish } = props.header;
    const now = Date.now();
    const behind = reachedAt === undefined ? undefined : `${roughly(Math.max(0, Math.min(now, finish?.at ?? now) - reachedAt))} behind`;
    return drawBulk(props, FOLLOW_WORDS, behind);
  },
};
