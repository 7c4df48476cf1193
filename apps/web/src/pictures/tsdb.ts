/** Batches as a grid of windows: a row a day or a week, a cell a window and slice of the metrics. */

import { drawBulk } from './bulk.ts';
import type { GridWords } from './grid.ts';
import type { Picture } from './picture.ts';

const WORDS: GridWords = {
  one: 'batch',
  many: 'batches',
  cells: { d: 'dumping', r: 'ready to be restored', s: 'restoring', v: 'verified' },
};

export const tsdbPicture: Picture = { kinds: 'tsdb.', draw: (props) => drawBulk(props, WORDS) };
