import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { silentLog } from '../src/index.ts';
import { watchRoom } from '../src/room.ts';

test('tells the room of each disk that can be asked, and is not held up by one that cannot', async () => {
  const told: string[] = [];
  const log = { ...silentLog, warn: (details: object) => told.push((details as { spool: string }).spool) };
  const room = watchRoom(
    [
      { name: 'here', path: tmpdir() },
      { name: 'gone', path: '/nowhere/at/all' },
    ],
    log,
  );
  expect(room()).toEqual({});
  while (told.length === 0) await new Promise(setImmediate);
  await new Promise(setImmediate);
  const found = room();
  expect(Object.keys(found)).toEqual(['here']);
  expect(found.here!.bytesFree).toBeGreaterThan(0);
  expect(found.here!.bytesTotal).toBeGreaterThanOrEqual(found.here!.bytesFree);
});
