import { expect, test } from 'vitest';
import { z } from 'zod';
import { problemOf } from '../src/problem.ts';

const schema = z.strictObject({
  counters: z.array(z.string()).min(1),
  tasks: z.int().min(0).max(9),
  policy: z.enum(['refuse', 'fill']),
  endpoint: z.string().regex(/^t/, 'a tablet is named by its endpoint'),
});
const good = { counters: ['a'], tasks: 1, policy: 'fill', endpoint: 't1' };

test.each([
  [{ counters: 'x' }, 'counters must be a list, not a text'],
  [{ counters: [] }, 'counters must have at least 1 items'],
  [{ counters: undefined }, 'counters is missing'],
  [{ tasks: 'many' }, 'tasks must be a number, not a text'],
  [{ tasks: -3 }, 'tasks must be at least 0'],
  [{ tasks: 10 }, 'tasks must be at most 9'],
  [{ policy: 'all' }, 'policy must be one of refuse, fill'],
  [{ endpoint: 'x' }, 'endpoint: a tablet is named by its endpoint'],
  [{ more: 1 }, 'params: Unrecognized key: "more"'],
])('%o', (change, told) => {
  const checked = schema.safeParse({ ...good, ...change });
  expect(checked.error?.issues.map(problemOf)).toEqual([told]);
});
