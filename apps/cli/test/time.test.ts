import { fc, test as property } from '@fast-check/vitest';
import { LongshoreError } from '@longshore/core';
import { describe, expect, test } from 'vitest';
import { parseTime, showTime } from '../src/arguments/time.ts';

const NOW = Date.UTC(2024, 1, 29, 12);

describe('points in time', () => {
  test.each([
    ['2023-03-08', '2023-03-08T00:00:00.000Z'],
    ['2023/03/08', '2023-03-08T00:00:00.000Z'],
    ['2023-03-08T23:59:59', '2023-03-08T23:59:59.000Z'],
    ['2023-03-08 23:59:59', '2023-03-08T23:59:59.000Z'],
    ['2023-03-08 23:59', '2023-03-08T23:59:00.000Z'],
    ['2023/03/08-23:59:59', '2023-03-08T23:59:59.000Z'],
    ['2023-03-08T23:59:59Z', '2023-03-08T23:59:59.000Z'],
    ['2023-03-08t23:59:59z', '2023-03-08T23:59:59.000Z'],
    ['2023-03-08T23:59:59.25Z', '2023-03-08T23:59:59.250Z'],
    ['2023-03-08T23:59:59.123456789Z', '2023-03-08T23:59:59.123Z'],
    ['2023-03-08T23:59:59+01:00', '2023-03-08T22:59:59.000Z'],
    ['2023-03-08T23:59:59 -0530', '2023-03-09T05:29:59.000Z'],
    ['2023-03-08+14:00', '2023-03-07T10:00:00.000Z'],
    ['2024-02-29', '2024-02-29T00:00:00.000Z'],
    ['0', '1970-01-01T00:00:00.000Z'],
    ['1678233600', '2023-03-08T00:00:00.000Z'],
    ['1678233600123', '2023-03-08T00:00:00.123Z'],
    ['999999999', '2001-09-09T01:46:39.000Z'],
    ['now', '2024-02-29T12:00:00.000Z'],
    [' NOW ', '2024-02-29T12:00:00.000Z'],
  ])('%s', (text, iso) => expect(new Date(parseTime(text, NOW)).toISOString()).toBe(iso));

  test.each([
    '',
    'yesterday',
    '2023',
    '20230308',
    '16782336001',
    '167823360012345',
    '-5',
    '1e9',
    '2023-3-8',
    '2023-02-29',
    '2023-13-01',
    '2023-00-10',
    '2023-03-08T24:00:00',
    '2023-03-08T23:60:00',
    '2023-03-08T23:59:60',
    '2023-03-08T23',
    '2023-03-08T23:59:59+15:00',
    '2023-03-08T23:59:59 CET',
    '1969-12-31',
    '0050-01-01',
    '1970-01-01T00:00:00+01:00',
    '2023-03-08; rm -rf /',
  ])('"%s" is refused in one sentence', (text) => {
    const error = (() => {
      try {
        return parseTime(text, NOW);
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(error).toBeInstanceOf(LongshoreError);
    expect(error).toMatchObject({ code: 'LSH_TIME_INVALID', data: { exitCode: 2, retryable: false } });
    expect((error as LongshoreError).message).toContain(`"${text}"`);
  });

  const moment = fc.integer({ min: 0, max: 253_402_300_799_999 });
  property.prop([moment])('what toISOString writes is read as the same moment', (ms) => {
    expect(parseTime(new Date(ms).toISOString(), NOW)).toBe(ms);
  });
  property.prop([moment, fc.integer({ min: -14 * 60, max: 14 * 60 })])('a zone moves the moment and nothing else', (ms, minutes) => {
    const local = ms + minutes * 60_000;
    fc.pre(local >= 0 && local <= 253_402_300_799_999);
    const size = Math.abs(minutes);
    const two = (value: number): string => String(value).padStart(2, '0');
    const zone = `${minutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`;
    expect(parseTime(new Date(local).toISOString().replace('Z', zone), NOW)).toBe(ms);
  });
  property.prop([fc.integer({ min: 100_000_000, max: 9_999_999_999 })])('seconds and milliseconds of a moment are the same', (seconds) => {
    expect(parseTime(String(seconds), NOW)).toBe(seconds * 1000);
    expect(parseTime(String(seconds * 1000), NOW)).toBe(seconds * 1000);
  });
  property.prop([moment])('what is shown can be read again', (ms) => {
    expect(parseTime(showTime(ms).replace(' UTC', 'Z'), NOW)).toBe(ms);
  });
  property.prop([fc.string()])('whatever is typed, it is a moment or a catalogue error', (text) => {
    try {
      expect(Number.isSafeInteger(parseTime(text, NOW))).toBe(true);
    } catch (error) {
      expect(error).toBeInstanceOf(LongshoreError);
    }
  });
});

test('a moment is shown with its zone, milliseconds only where there are some', () => {
  expect(showTime(1_678_233_600_000)).toBe('2023-03-08 00:00:00 UTC');
  expect(showTime(1_678_233_600_007)).toBe('2023-03-08 00:00:00.007 UTC');
});
