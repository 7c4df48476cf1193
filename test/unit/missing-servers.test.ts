import { expect, test } from 'vitest';
import { missingOf } from '../servers/real.ts';

/** A server that notes when it is stopped. */
function server() {
  const seen = { stopped: 0 };
  const stop = async (): Promise<void> => {
    seen.stopped += 1;
  };
  return { seen, there: true as const, stop };
}

test('when a server is missing, those that were started for the same tests are stopped at once', async () => {
  const [redis, sink] = [server(), server()];
  expect(await missingOf([redis, { there: false, reason: 'no java' }, sink])).toEqual(['no java']);
  expect([redis.seen, sink.seen]).toEqual([{ stopped: 1 }, { stopped: 1 }]);
});

test('when none is missing, all stay up for the tests', async () => {
  const [redis, sink] = [server(), server()];
  expect(await missingOf([redis, sink])).toEqual([]);
  expect([redis.seen, sink.seen]).toEqual([{ stopped: 0 }, { stopped: 0 }]);
});
