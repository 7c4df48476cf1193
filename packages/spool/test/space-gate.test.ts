import { GateClosed } from '@longshore/core';
import { expect, test } from 'vitest';
import { type DiskFacts, type SpaceGateOptions, type SpaceStore, type Spool, spaceGate, spoolSize } from '../src/index.ts';
import { dumpBatch, temporarySpool } from './support.ts';

const GB = 1_000_000_000;

/** Reservations as the store keeps them: all of a holder's, or none. */
function store(): SpaceStore & { held: Map<string, { bytes: number; inodes: number }> } {
  const held = new Map<string, { bytes: number; inodes: number }>();
  const shared = new Map<string, string>();
  return {
    held,
    async reserve(_spool, holder, want, capacity) {
      const others = { bytes: 0, inodes: 0, holders: 0 };
      for (const [name, { bytes, inodes }] of held) {
        if (name === holder) continue;
        others.bytes += bytes;
        others.inodes += inodes;
        others.holders += 1;
      }
      const ok = others.bytes + want.bytes <= capacity.bytes && others.inodes + want.inodes <= capacity.inodes;
      if (ok) held.set(holder, want);
      return { ok, others };
    },
    async releaseReservation(_spool, holder) {
      held.delete(holder);
    },
    async getShared(key) {
      return shared.get(key);
    },
    async setShared(key, value) {
      shared.set(key, value);
    },
  };
}

function gateOn(disk: DiskFacts, more: Partial<SpaceGateOptions> & { spool: Spool; store: SpaceStore }) {
  return spaceGate({ disk: async () => disk, settings: { bytesKept: 0 }, ...more });
}

const { signal } = new AbortController();
const young = (holder: string) => ({ holder, isOldest: false, signal });

async function closed(attempt: Promise<unknown>): Promise<GateClosed> {
  const error = await attempt.catch((thrown: unknown) => thrown);
  if (!(error instanceof GateClosed)) throw new Error(`the gate is not closed: ${String(error)}`);
  return error;
}

test('room is reserved by the size of the largest batch so far, until it is gone', async () => {
  const kept = store();
  const gate = gateOn({ freeBytes: 2.5 * GB, freeInodes: 50_000 }, { spool: await temporarySpool(), store: kept });
  expect((await gate.admit(young('x'))).bytes).toBe(100_000_000);
  await gate.release('x');
  await gate.noteBatch(GB);
  await gate.noteBatch(GB / 2);
  expect((await gate.admit(young('one'))).bytes).toBe(GB);
  const two = await gate.admit(young('two'));
  const refused = await closed(gate.admit(young('three')));
  expect(refused).toMatchObject({ gate: 'space', retryMs: 10_000 });
  expect(refused.message).toBe('the spool a has 2.5 GB free; 2 other dumps hold 2.0 GB of it and this one needs 1.0 GB');
  await two.release();
  await gate.admit(young('three'));
  expect([...kept.held.keys()]).toEqual(['one', 'three']);
});

test('what a dump has written is not counted twice', async () => {
  const kept = store();
  const gate = gateOn({ freeBytes: 3 * GB, freeInodes: 50_000 }, { spool: await temporarySpool(), store: kept });
  await gate.noteBatch(GB);
  const one = await gate.admit(young('one'));
  await one.wrote(1_000_000);
  expect(kept.held.get('one')?.bytes).toBe(GB);
  await one.wrote(600_000_000);
  expect(kept.held.get('one')?.bytes).toBe(400_000_000);
  await one.wrote(2 * GB);
  expect(kept.held.get('one')?.bytes).toBe(0);
  const resumed = await gate.admit({ ...young('two'), alreadyWritten: 900_000_000 });
  expect(resumed.bytes).toBe(100_000_000);
});

test('more than a thousand inodes remain', async () => {
  const spool = await temporarySpool();
  const gate = gateOn({ freeBytes: 100 * GB, freeInodes: 1010 }, { spool, store: store() });
  await gate.admit(young('one'));
  expect((await closed(gate.admit(young('two')))).message).toBe(
    'the spool a has 10 free inodes above the 1000 that must remain; 1 other dumps hold 8 of them and this one needs 8',
  );
  const unlimited = gateOn({ freeBytes: 100 * GB, freeInodes: Number.POSITIVE_INFINITY }, { spool, store: store() });
  await unlimited.admit(young('one'));
});

test('a quota closes the gate while the disk has room', async () => {
  const spool = await temporarySpool();
  await dumpBatch(spool, 'b1', 1, { noise: 200_000 });
  const { bytes, inodes } = await spoolSize(spool);
  expect(bytes).toBeGreaterThan(200_000);
  expect(inodes).toBe(4);
  spool.quotaBytes = bytes + 150_000_000;
  const gate = gateOn({ freeBytes: 100 * GB, freeInodes: 50_000 }, { spool, store: store() });
  await gate.admit(young('one'));
  expect((await closed(gate.admit(young('two')))).message).toBe(
    'the spool a has 150.0 MB left of its quota of 150.2 MB; 1 other dumps hold 100.0 MB of it and this one needs 100.0 MB',
  );
});

test('the oldest is let in when it fits the disk alone, whatever the others hold', async () => {
  const kept = store();
  const gate = gateOn({ freeBytes: GB, freeInodes: 50_000 }, { spool: await temporarySpool(), store: kept });
  await gate.noteBatch(0.9 * GB);
  await gate.admit(young('young'));
  await closed(gate.admit(young('younger')));
  const oldest = await gate.admit({ holder: 'oldest', isOldest: true, signal });
  expect(oldest.bytes).toBe(0.9 * GB);
  expect(kept.held.size).toBe(2);
});

test('for the oldest, half dumps are given up one after another until it fits', async () => {
  const disk = { freeBytes: 0.2 * GB, freeInodes: 50_000 };
  const gate = gateOn(disk, { spool: await temporarySpool(), store: store() });
  await gate.noteBatch(GB);
  let given = 0;
  const makeRoom = async (): Promise<boolean> => {
    if (given === 3) return false;
    given += 1;
    disk.freeBytes += 0.5 * GB;
    return true;
  };
  await gate.admit({ holder: 'oldest', isOldest: true, makeRoom, signal });
  expect(given).toBe(2);
  await gate.noteBatch(9 * GB);
  await closed(gate.admit({ holder: 'oldest', isOldest: true, makeRoom, signal }));
  expect(given).toBe(3);
});

test('an aborted signal ends it', async () => {
  const gate = gateOn({ freeBytes: GB, freeInodes: 50_000 }, { spool: await temporarySpool(), store: store() });
  await expect(gate.admit({ holder: 'one', isOldest: false, signal: AbortSignal.abort(new Error('cancelled')) })).rejects.toThrow(
    'cancelled',
  );
});
