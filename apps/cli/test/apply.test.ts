import type { KindInfo } from '@longshore/contract';
import { describe, expect, test } from 'vitest';
import { keyOf, readOperations, submissionIn } from '../src/commands/apply.ts';

const KINDS: KindInfo[] = [
  {
    name: 'tsdb.migrate',
    title: 'moves',
    role: 'dumper',
    params: {
      properties: { source: { type: 'string' }, startMs: { type: 'integer' }, intervalMs: { type: 'integer' }, count: { type: 'integer' } },
    },
  },
];

const FILE = `# what is to be done
kind: tsdb.migrate
reason: change 4711
deadline: 6h
params:
  source: otsdb-old
  startMs: 2023-03-01
  intervalMs: 1h
  count: 3
`;

describe('a file', () => {
  test('says an operation as the API takes it, with times and lengths of time as people write them', () => {
    const operations = readOperations('m.yaml', FILE).map((one) => submissionIn(one, KINDS, 'm.yaml'));
    expect(operations).toEqual([
      {
        kind: 'tsdb.migrate',
        reason: 'change 4711',
        deadlineMs: 21_600_000,
        params: { source: 'otsdb-old', startMs: Date.UTC(2023, 2, 1), intervalMs: 3_600_000, count: 3 },
      },
    ]);
  });

  test('may hold several', () => {
    expect(readOperations('m.yaml', `${FILE}---\n${FILE}`)).toHaveLength(2);
  });

  test('is the same operation however it is laid out, and another one when anything in it differs', () => {
    const key = (text: string): string => keyOf(submissionIn(readOperations('m.yaml', text)[0]!, KINDS, 'm.yaml'));
    const json = JSON.stringify({
      params: { count: 3, intervalMs: 3_600_000, startMs: Date.UTC(2023, 2, 1), source: 'otsdb-old' },
      deadline: '360m',
      reason: 'change 4711',
      kind: 'tsdb.migrate',
    });
    expect(key(json)).toBe(key(FILE));
    expect(key(FILE.replace('count: 3', 'count: 4'))).not.toBe(key(FILE));
    expect(key(FILE).length).toBeLessThanOrEqual(200);
  });

  test.each([
    ['a setting that does not exist', FILE.replace('deadline', 'dedline'), /line 4, column 1: dedline: there is no such setting/],
    ['what is not YAML', 'kind: [', /line 1, column/],
    ['no parameters', 'kind: tsdb.migrate\n', /params is missing/],
    ['parameters under another name', 'kind: tsdb.migrate\nparms: {}\n', /line 2, column 1: parms: there is no such setting/],
    [
      'an approval policy that does not exist',
      `${FILE}approvals: sometimes\n`,
      /line 10, column 12: approvals must be one of none, cutover, every-stage/,
    ],
    ['nothing', '', /nothing in it/],
  ])('with %s is refused by line and column', (_what, text, problem) => {
    expect(() => readOperations('m.yaml', text)).toThrow(
      expect.objectContaining({ code: 'LSH_FILE_INVALID', message: expect.stringMatching(problem) }),
    );
  });

  test('of a kind that the fleet does not know is refused with those it knows', () => {
    const [one] = readOperations('m.yaml', FILE.replace('tsdb.migrate', 'tsdb.migrat'));
    expect(() => submissionIn(one!, KINDS, 'm.yaml')).toThrow(/knows no "tsdb.migrat"; it knows tsdb.migrate/);
  });
});
