/** What the picture of an OpenMLDB operation is read from. */
import { expect, test } from 'vitest';
import { drawnFrom, together } from '../src/pictures/openmldb-read.ts';

const matrix = {
  tablets: [{ endpoint: 't1:1', healthy: true }],
  tables: ['db1.t', 'db1.u'],
  cells: [
    [
      { before: [2, 1], after: [1, 1] },
      { before: [1, 0], after: [3, 2] },
    ],
  ],
  tablesLeftOut: 4,
};

test('a plan that has a matrix is drawn, any other is not', () => {
  expect(drawnFrom({ matrix, changes: [] })).toEqual({ ...matrix, changes: [] });
  for (const other of [null, undefined, 'x', {}, { matrix }, { matrix: {}, changes: [] }, { matrix: { ...matrix, cells: 1 }, changes: [] }])
    expect(drawnFrom(other)).toBeUndefined();
});

test('what a tablet holds of all tables is added up, before and after', () => {
  expect(together(drawnFrom({ matrix, changes: [] })!.cells[0]!)).toEqual({ before: [3, 1], after: [4, 3] });
  expect(together([])).toEqual({ before: [0, 0], after: [0, 0] });
});
