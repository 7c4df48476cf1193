import { fc, test as property } from '@fast-check/vitest';
import type { Clock, Random } from '@longshore/core';
import { Broken, TimedOut, Unreachable } from '@longshore/http';
import { describe, expect, test } from 'vitest';
import { OverLimit, SourceBusy, SourceRefused, SourceTimedOut, TooMuchAsked, TruncatedReply } from '../src/client/opentsdb/errors.ts';
import type { FrameRetry, OpenFrame, RangeSource } from '../src/client/opentsdb/frames.ts';
import { FIRST_FRAME_MS, readRange } from '../src/client/opentsdb/frames.ts';
import type { FrameSummary, TimeRange } from '../src/model.ts';

const HOUR = 3_600_000;
const clock: Clock = { now: () => 0, sleep: async () => undefined };
const random: Random = { next: () => 0.5, id: () => 'x' };
const summaryOf = (points: number): FrameSummary => ({ points, series: [], lineBytes: points * 25, replyBytes: points * 25, problems: [] });
const what = 'query';
const failures = {
  split: () => TooMuchAsked({ what, status: 413, reason: 'r' }),
  limit: () => OverLimit({ what, reason: 'r' }),
  truncated: () => TruncatedReply({ what, bytes: 1 }),
  timeout: () => TimedOut({ what, origin: 'o', deadlineMs: 1, stage: 's' }),
  busy: () => SourceBusy({ what, status: 503, reason: 'r' }),
  broken: () => Broken({ what, origin: 'o', reason: 'r' }),
  unreachable: () => Unreachable({ what, origin: 'o', reason: 'r' }),
};
type Failure = keyof typeof failures;

/** Records what was committed and checks that each writer is used once and put away. */
function recorder(): { open: OpenFrame; committed: TimeRange[]; rolledBack: number[]; openWriters: () => number } {
  const committed: TimeRange[] = [];
  const rolledBack: number[] = [];
  let writers = 0;
  const open: OpenFrame = () => {
    writers++;
    let used = false;
    const use = (): void => {
      expect(used).toBe(false);
      used = true;
      writers--;
    };
    return {
      write: async () => undefined,
      commit: async (frame) => {
        use();
        committed.push(frame);
      },
      rollback: async () => {
        use();
        rolledBack.push(committed.length);
      },
    };
  };
  return { open, committed, rolledBack, openWriters: () => writers };
}

function sourceOf(readFrame: (frame: TimeRange) => number): RangeSource {
  return {
    clock,
    random,
    readFrame: async (frame, sink) => {
      await sink(Buffer.from('line\n'));
      return summaryOf(readFrame(frame));
    },
  };
}

property.prop(
  [
    fc.record({ startMs: fc.integer({ min: 0, max: 40 * HOUR }), lengthMs: fc.integer({ min: 1, max: 400 * HOUR }) }),
    fc.array(fc.option(fc.constantFrom<Failure>('split', 'limit', 'truncated', 'timeout', 'busy', 'broken', 'unreachable'), { freq: 3 }), {
      maxLength: 40,
    }),
    fc.integer({ min: 0, max: 500 }),
    fc.integer({ min: 20_000, max: 500_000 }),
  ],
  { numRuns: 300 },
)('frames cover the range exactly, in order, whatever fails', async ({ startMs, lengthMs }, script, pointsAnHour, targetReplyBytes) => {
  const range = { startMs, stopMs: startMs + lengthMs };
  const record = recorder();
  const retries: FrameRetry[] = [];
  let failed = 0;
  const left = [...script];
  const read = sourceOf((frame) => {
    const failure = left.shift();
    if (failure) {
      failed++;
      throw failures[failure]();
    }
    return Math.round(((frame.stopMs - frame.startMs) / HOUR) * pointsAnHour);
  });
  const retry = { attempts: 1000, firstPauseMs: 1, maxPauseMs: 10 };
  const outcome = await readRange(read, range, { frame: record.open, targetReplyBytes, retry, onRetry: (one) => retries.push(one) }).catch(
    (error: unknown) => error,
  );
  expect(record.openWriters()).toBe(0);
  expect(record.rolledBack).toHaveLength(failed);
  let at = range.startMs;
  for (const frame of record.committed) {
    expect(frame.startMs).toBe(at);
    expect(frame.stopMs).toBeGreaterThan(at);
    at = frame.stopMs;
  }
  if (outcome instanceof Error) expect(outcome).toMatchObject({ code: 'LSH_HTTP_TIMEOUT' });
  else {
    expect(at).toBe(range.stopMs);
    expect(outcome).toMatchObject({
      frames: record.committed.length,
      retries: retries.filter(({ action }) => action === 'retry').length,
      splits: retries.filter(({ action }) => action === 'split').length,
    });
  }
});

describe('the size of frames', () => {
  const lengths = (frames: TimeRange[]) => frames.map(({ startMs, stopMs }) => (stopMs - startMs) / HOUR);

  test('ends with rows of storage where the source counts those', async () => {
    const record = recorder();
    const most = 2;
    await readRange(
      sourceOf(({ startMs, stopMs }) => {
        const rows = Math.ceil(stopMs / HOUR) - Math.floor(startMs / HOUR);
        if (rows > most) throw failures.limit();
        return 10;
      }),
      { startMs: HOUR / 2, stopMs: HOUR / 2 + 20 * HOUR },
      { frame: record.open },
    );
    const inside = record.committed.slice(2, -1);
    expect(inside.length).toBeGreaterThan(5);
    for (const { startMs, stopMs } of inside) expect([startMs % HOUR, stopMs % HOUR]).toEqual([0, 0]);
  });

  test('a source that says it ran out of time is asked for less, after a pause, and not for ever', async () => {
    const record = recorder();
    const retries: FrameRetry[] = [];
    const late = sourceOf(() => {
      throw SourceTimedOut({ what, status: 504, reason: 'r' });
    });
    const read = readRange(late, { startMs: 0, stopMs: HOUR }, { frame: record.open, onRetry: (one) => retries.push(one) });
    await expect(read).rejects.toMatchObject({ code: 'LSH_TSDB_SOURCE_TIMEOUT' });
    expect(retries.length).toBe(8);
    expect(retries.every(({ action, pauseMs }) => action === 'split' && pauseMs > 0)).toBe(true);
  });

  test('begins with an hour and grows towards the target, on borders of rows', async () => {
    const record = recorder();
    await readRange(
      sourceOf((frame) => (frame.stopMs - frame.startMs) / 36_000),
      { startMs: HOUR / 2, stopMs: HOUR / 2 + 500 * HOUR },
      { frame: record.open, targetReplyBytes: 100 * 100 * 25 },
    );
    expect(FIRST_FRAME_MS).toBe(HOUR);
    expect(lengths(record.committed)).toEqual([1, 15.5, 100, 100, 100, 100, 83.5]);
  });

  test('begins where the memory left off, and takes an empty range in one', async () => {
    const record = recorder();
    const learned: number[] = [];
    const day = { startMs: 0, stopMs: 24 * HOUR };
    await readRange(
      sourceOf(() => 0),
      day,
      { frame: record.open, density: 0 },
      (density) => learned.push(density),
    );
    expect([lengths(record.committed), learned]).toEqual([[24], [0]]);
  });

  test('shrinks under what the source can bear and does not run into the wall again at once', async () => {
    const record = recorder();
    let refused = 0;
    const bears = 5 * HOUR;
    const read = sourceOf((frame) => {
      if (frame.stopMs - frame.startMs > bears) {
        refused++;
        throw failures.split();
      }
      return 10;
    });
    const total = await readRange(read, { startMs: 0, stopMs: 1000 * HOUR }, { frame: record.open });
    expect(total.splits).toBe(refused);
    expect(refused).toBeLessThan(30);
    expect(record.committed.length).toBeLessThan(600);
  });

  test('goes down to a millisecond and gives up there', async () => {
    const record = recorder();
    const reading = readRange(
      sourceOf(() => {
        throw failures.split();
      }),
      { startMs: 0, stopMs: HOUR },
      { frame: record.open },
    );
    await expect(reading).rejects.toMatchObject({ code: 'LSH_TSDB_TOO_MUCH' });
    expect(record.openWriters()).toBe(0);
  });
});

describe('an end', () => {
  const hour = { startMs: 0, stopMs: HOUR };

  test('comes at once with an error that cannot be helped, and after enough attempts with one that can', async () => {
    let tries = 0;
    const read = (error: () => Error) =>
      readRange(
        sourceOf(() => {
          tries++;
          throw error();
        }),
        hour,
        { frame: recorder().open, retry: { attempts: 3, firstPauseMs: 1, maxPauseMs: 1 } },
      );
    await expect(read(() => SourceRefused({ what, status: 400, reason: 'r' }))).rejects.toMatchObject({ code: 'LSH_TSDB_SOURCE_REFUSED' });
    expect(tries).toBe(1);
    tries = 0;
    await expect(read(failures.busy)).rejects.toMatchObject({ code: 'LSH_TSDB_SOURCE_BUSY' });
    expect(tries).toBe(3);
    tries = 0;
    await expect(read(failures.timeout)).rejects.toMatchObject({ code: 'LSH_HTTP_TIMEOUT' });
    expect(tries).toBe(9);
  });

  test("with an error of the writer is no retry, even when it looks like the source's", async () => {
    const full = failures.busy();
    let rolledBack = 0;
    const writer = { write: () => Promise.reject(full), commit: async () => undefined, rollback: async () => void rolledBack++ };
    await expect(
      readRange(
        sourceOf(() => 1),
        hour,
        { frame: () => writer },
      ),
    ).rejects.toBe(full);
    expect(rolledBack).toBe(1);
    const late = { write: async () => undefined, commit: () => Promise.reject(full), rollback: async () => void rolledBack++ };
    await expect(
      readRange(
        sourceOf(() => 1),
        hour,
        { frame: () => late },
      ),
    ).rejects.toBe(full);
    expect(rolledBack).toBe(1);
  });

  test('comes with an abort', async () => {
    const abort = new AbortController();
    const read = sourceOf(() => {
      abort.abort(new Error('cancelled'));
      throw failures.busy();
    });
    await expect(readRange(read, hour, { frame: recorder().open, signal: abort.signal })).rejects.toMatchObject({
      code: 'LSH_TSDB_SOURCE_BUSY',
    });
  });
});
