/**
 * The space gate: before a dump begins, room for it is reserved in the store, so that dumps on several machines cannot
 * fill a disk between them. It reserves by the size of the largest batch so far.
 */
import { GateClosed, type Store } from '@longshore/core';
import { type DiskFacts, step } from './files.ts';
import { type SpaceTaken, spoolSize } from './listing.ts';
import type { Spool } from './spool.ts';

export interface SpaceSettings {
  /** Reserved for a batch when no larger one is known. */
  leastBatchBytes: number;
  /** Files and folders a batch takes at most: its folder, manifest, restore log, a segment for each of a few attempts. */
  inodesPerBatch: number;
  /** More than these must remain. */
  inodesKept: number;
  /** Never reserved: for manifests, restore logs and tombstones of what is already there. */
  bytesKept: number;
  retryMs: number;
}

export const SPACE_DEFAULTS: SpaceSettings = {
  leastBatchBytes: 100_000_000,
  inodesPerBatch: 8,
  inodesKept: 1000,
  bytesKept: 16_000_000,
  retryMs: 10_000,
};

export type SpaceStore = Pick<Store, 'reserve' | 'releaseReservation' | 'getShared' | 'setShared'>;

export interface SpaceGateOptions {
  spool: Spool;
  store: SpaceStore;
  settings?: Partial<SpaceSettings>;
  /** By default the spool's own `disk`; given by tests. */
  disk?: (path: string) => Promise<DiskFacts>;
  /** Bytes Longshore takes in the spool; asked for only when it has a quota. */
  taken?: () => Promise<SpaceTaken>;
}

export interface AdmissionRequest {
  /** Who holds the reservation: operation and batch. */
  holder: string;
  /** Whether no older batch of the operation is unfinished. It is let in if it fits what is physically free. */
  isOldest: boolean;
  /** Bytes a half dump already has on the disk. */
  alreadyWritten?: number;
  /** Called when the oldest does not fit: gives up the youngest half dump; false when there is none. */
  makeRoom?: () => Promise<boolean>;
  signal: AbortSignal;
}

/** Room in the spool. Stays reserved until released, by this process or another. */
export interface Admission {
  bytes: number;
  /** Tells how much the dump has on the disk by now, so that it is not counted twice. Rounded; cheap to call after each chunk. */
  wrote(bytesSoFar: number): Promise<void>;
  release(): Promise<void>;
}

export interface SpaceGate {
  /** Reserves, or throws `GateClosed` with the reason in words. */
  admit(request: AdmissionRequest): Promise<Admission>;
  release(holder: string): Promise<void>;
  /** The size of a finished batch, for the next reservations. */
  noteBatch(bytes: number): Promise<void>;
}

/** Reservations shrink in steps of this size, to spare the store. */
const SHRINK_BYTES = 16_000_000;
const UNBOUNDED = Number.MAX_SAFE_INTEGER;

export function spaceGate(options: SpaceGateOptions): SpaceGate {
  const { spool, store } = options;
  const settings: SpaceSettings = { ...SPACE_DEFAULTS, ...options.settings };
  const disk = options.disk ?? ((path: string) => spool.files.disk(path));
  const taken = options.taken ?? (() => spoolSize(spool));
  const largestKey = `spool:${spool.name}:largest-batch`;

  /** What may still be written, apart from reservations. */
  async function room(): Promise<{ bytes: number; inodes: number; quota: boolean }> {
    const { freeBytes, freeInodes } = await step('measure', spool.root, () => disk(spool.root));
    const inodes = Math.min(Math.max(0, freeInodes - settings.inodesKept), UNBOUNDED);
    const physical = Math.max(0, freeBytes - settings.bytesKept);
    if (spool.quotaBytes === undefined) return { bytes: physical, inodes, quota: false };
    const left = Math.max(0, spool.quotaBytes - (await taken()).bytes);
    return left < physical ? { bytes: left, inodes, quota: true } : { bytes: physical, inodes, quota: false };
  }

  async function largest(): Promise<number> {
    const known = Number((await store.getShared(largestKey)) ?? 0);
    return Math.max(Number.isFinite(known) ? known : 0, settings.leastBatchBytes);
  }

  function admission(holder: string, whole: number, inodes: number, alreadyWritten: number): Admission {
    let reserved = Math.max(0, whole - alreadyWritten);
    return {
      bytes: reserved,
      async wrote(bytesSoFar) {
        const rest = Math.max(0, whole - bytesSoFar);
        if (reserved - rest < SHRINK_BYTES && rest > 0) return;
        if (reserved === rest) return;
        reserved = rest;
        await store.reserve(spool.name, holder, { bytes: rest, inodes }, { bytes: UNBOUNDED, inodes: UNBOUNDED });
      },
      release: () => store.releaseReservation(spool.name, holder),
    };
  }

  async function tryAdmit(request: AdmissionRequest, whole: number): Promise<Admission | string> {
    const { holder, isOldest, alreadyWritten = 0 } = request;
    const want = { bytes: Math.max(0, whole - alreadyWritten), inodes: settings.inodesPerBatch };
    const free = await room();
    request.signal.throwIfAborted();
    const fitsAlone = want.bytes <= free.bytes && want.inodes <= free.inodes;
    // The oldest may take what the younger ones have reserved: they wait for it anyway.
    const capacity = isOldest && fitsAlone ? { bytes: UNBOUNDED, inodes: UNBOUNDED } : { bytes: free.bytes, inodes: free.inodes };
    const { ok, others } = await store.reserve(spool.name, holder, want, capacity);
    if (ok) return admission(holder, whole, want.inodes, alreadyWritten);
    if (want.inodes + others.inodes > free.inodes) {
      return `the spool ${spool.name} has ${free.inodes} free inodes above the ${settings.inodesKept} that must remain; ${others.holders} other dumps hold ${others.inodes} of them and this one needs ${want.inodes}`;
    }
    const left = `${bytesText(free.bytes)} ${free.quota ? `left of its quota of ${bytesText(spool.quotaBytes ?? 0)}` : 'free'}`;
    return `the spool ${spool.name} has ${left}; ${others.holders} other dumps hold ${bytesText(others.bytes)} of it and this one needs ${bytesText(want.bytes)}`;
  }

  return {
    async admit(request) {
      request.signal.throwIfAborted();
      const whole = await largest();
      let outcome = await tryAdmit(request, whole);
      // Each call gives up one half dump, so this ends with them.
      while (typeof outcome === 'string' && request.isOldest && (await request.makeRoom?.())) outcome = await tryAdmit(request, whole);
      if (typeof outcome === 'string') throw new GateClosed('space', outcome, settings.retryMs);
      return outcome;
    },
    release: (holder) => store.releaseReservation(spool.name, holder),
    async noteBatch(bytes) {
      // Two at once may lose the larger one; the next batch of that size sets it right.
      if (bytes > (await largest())) await store.setShared(largestKey, String(Math.ceil(bytes)));
    },
  };
}

/** 1.2 GB, as people read it. */
function bytesText(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}
