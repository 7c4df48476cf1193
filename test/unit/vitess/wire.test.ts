/** Our protocol files, the client's and the stand-in's, against bytes that Vitess' own generated code has made. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Side } from '../../wire/vitess/definitions.ts';
import { messagesOf } from '../../wire/vitess/definitions.ts';

interface Sample {
  message: string;
  bytes: string;
  json: Record<string, unknown>;
}

function samples(file: string): Sample[] {
  const text = readFileSync(new URL(`../../wire/vitess/${file}`, import.meta.url), 'utf8');
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Sample);
}

const OLD = samples('samples-7.jsonl');
const TODAY = samples('samples-24.jsonl');
/** Read as the client reads: see `protocol.ts`. */
const AS_READ = { longs: String, enums: String, bytes: String };

describe.each<[Side, Sample[]]>([
  ['client', [...TODAY, ...OLD]],
  ['stand-in', TODAY],
])('%s', (side, all) => {
  const messages = messagesOf(side);
  const known = all.filter(({ message }) => messages.has(message));

  test.each(known.map((sample): [string, Sample] => [sample.message, sample]))(
    '%s is read and written as Vitess does',
    (name, { bytes, json }) => {
      const type = messages.get(name)!;
      const sample = Buffer.from(bytes, 'base64');
      const read = type.toObject(type.decode(sample), AS_READ);
      expect(read).toEqual(json);
      expect(Buffer.from(type.encode(type.fromObject(json)).finish()).toString('base64')).toBe(bytes);
    },
  );

  test('every message with a field has a sample, and every field is in it', () => {
    const covered = new Map(Map.groupBy(known, ({ message }) => message));
    const lacking = [...messages].flatMap(([name, { fieldsArray }]) => {
      const seen = new Set((covered.get(name) ?? []).flatMap(({ json }) => Object.keys(json)));
      return fieldsArray.filter((field) => !seen.has(field.name)).map((field) => `${name}.${field.name}`);
    });
    // Their wire format is in those that hold them.
    const inside = /^(automation\.|vtworkerdata\.)/;
    expect(lacking.filter((field) => !inside.test(field))).toEqual([]);
  });
});
