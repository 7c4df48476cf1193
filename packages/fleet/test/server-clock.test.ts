/** Time is the server's, whatever the machine's clock says. */
import { expect, test } from 'vitest';
import { serverClock } from '../src/server-clock.ts';

const DAY_MS = 86_400_000;
const SERVER = Date.UTC(2026, 0, 1);

/** A server whose clock runs beside a monotonic one, and answers that take so long each way. */
function world() {
  const state = { monotonic: 5_000, server: SERVER, wayMs: 0 };
  const pass = (ms: number): void => {
    state.monotonic += ms;
    state.server += ms;
  };
  const clock = serverClock(
    async () => {
      pass(state.wayMs);
      const seen = state.server;
      pass(state.wayMs);
      return seen;
    },
    () => state.monotonic,
  );
  return { state, pass, clock };
}

test('before it has asked it is the machine’s own clock', () => {
  expect(Math.abs(world().clock.now() - Date.now())).toBeLessThan(DAY_MS);
});

test('having asked it is the server’s, and goes on by itself', async () => {
  const { clock, pass, state } = world();
  await clock.sync();
  expect(clock.now()).toBe(SERVER);
  pass(1_234);
  expect(clock.now()).toBe(state.server);
});

test('what may only be the way of the answer moves it nowhere, a real difference does', async () => {
  const { clock, state } = world();
  await clock.sync();
  state.wayMs = 200;
  state.server += 150;
  await clock.sync();
  expect(clock.now()).toBe(state.server - 150);
  // After a failover the server is another machine.
  state.server += DAY_MS;
  await clock.sync();
  expect(clock.now()).toBe(state.server);
  state.wayMs = 0;
  state.server -= 2 * DAY_MS;
  await clock.sync();
  expect(clock.now()).toBe(state.server);
});

test('while the server is away it goes on', async () => {
  const { pass, state } = world();
  const answers = [async () => state.server, () => Promise.reject(new Error('away'))];
  const clock = serverClock(
    () => answers.shift()!(),
    () => state.monotonic,
  );
  await clock.sync();
  await expect(clock.sync()).rejects.toThrow('away');
  pass(60_000);
  expect(clock.now()).toBe(state.server);
});
