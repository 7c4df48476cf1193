/** What otsdb-to-vm refuses before anything is started, and how it reads dates. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Ended } from '../src/exit.ts';
import { localTime, utcText } from '../src/originals/dates.ts';
import { otsdbToVmCommand, wrapperArguments } from '../src/originals/otsdb-to-vm.ts';
import { ceilTo, floorTo, wrapperTime } from '../src/originals/wrapper-dates.ts';
import type { Output, Terminal } from '../src/terminal.ts';

function recording(): { terminal: Terminal; text: () => string } {
  let text = '';
  const output: Output = {
    live: false,
    columns: () => 100,
    rows: () => 24,
    write: (more) => {
      text += more;
    },
    style: (_style, plain) => plain,
  };
  return {
    terminal: { out: output, err: output, say: (line) => output.write(`${line}\n`), json: () => undefined, print: output.write },
    text: () => text,
  };
}

const complete = ['-s', 'http://127.0.0.1:1', '-d', 'http://127.0.0.1:2', '-sd', '2022-01-01', '-ed', '2022-01-02', '-dsf', tmpdir()];

describe('what ends with exit code 1, as it does there', () => {
  test.each([
    ['a mandatory option missing', complete.slice(2), 'Missing mandatory options: --source'],
    ['an unknown option', [...complete, '--frobnicate'], 'Unknown option: --frobnicate'],
    ['an interval of a week', [...complete, '-i', 'week'], '--interval must be day or hour'],
    ['51 jobs', [...complete, '-c', '51'], '--concurrent_jobs must be a number from 1 to 50'],
    ['jobs that are no number', [...complete, '-c', 'x'], '--concurrent_jobs must be a number from 1 to 50'],
    ['a folder that is not there', [...complete.slice(0, -1), join(tmpdir(), 'longshore-not-there')], 'does not exist'],
    ['a window without a day in it', [...complete.slice(0, 6), '-ed', '2022-01-01', '-dsf', tmpdir()], 'holds no time'],
    [
      'a date that is none',
      [...complete.slice(0, 4), '-sd', 'yesterday-ish', '-ed', '2022-01-02', '-dsf', tmpdir()],
      'is not a point in time',
    ],
  ])('%s', async (_title, argv, sentence) => {
    const { terminal, text } = recording();
    const command = otsdbToVmCommand(terminal);
    const ended = await command
      .parseAsync(wrapperArguments(['otsdb-to-vm', ...argv]).slice(1), { from: 'user' })
      .catch((error: unknown) => error);
    expect(ended).toBeInstanceOf(Ended);
    expect((ended as Ended).exitCode).toBe(1);
    expect(text()).toContain(sentence);
  });
});

describe('dates', () => {
  const local = (text: string): number => new Date(text).getTime();

  test('without a zone they are local, and mean the day or hour they lie in', () => {
    expect(wrapperTime('2022-01-01 10:20:30', 0)).toBe(local('2022-01-01T10:20:30'));
    expect(wrapperTime('2022-01-01T10:20:30Z', 0)).toBe(Date.UTC(2022, 0, 1, 10, 20, 30));
    expect(floorTo('day', local('2022-01-01T10:20:30'))).toBe(local('2022-01-01T00:00:00'));
    expect(floorTo('hour', local('2022-01-01T10:20:30'))).toBe(local('2022-01-01T10:00:00'));
  });

  test('an end inside an interval takes all of it, so that nothing of it is lost', () => {
    expect(ceilTo('hour', local('2022-01-01T02:59:59'))).toBe(local('2022-01-01T03:00:00'));
    expect(ceilTo('day', local('2022-01-31T23:59:59'))).toBe(local('2022-02-01T00:00:00'));
    expect(ceilTo('day', local('2022-01-31T00:00:00'))).toBe(local('2022-01-31T00:00:00'));
  });

  test('the three forms of kilda-otsdb-dump, and no other', () => {
    expect(localTime('2023-03-08')).toBe(local('2023-03-08T00:00:00'));
    expect(localTime('2023-03-08 01:02:03')).toBe(local('2023-03-08T01:02:03'));
    expect(localTime('2023-03-08T01:02:03')).toBe(local('2023-03-08T01:02:03'));
    for (const text of ['2023-03-08T01:02:03Z', '2023-03-08T01:02', '1678233600', '2023-02-29', 'now'])
      expect(localTime(text)).toBeUndefined();
    expect(utcText(1_678_233_600_000)).toBe('2023-03-08 00:00:00+00:00');
  });
});
