/** What every `Store` must do: each promise of `packages/core/src/ports.ts`, for the one in memory and the one on Redis alike. */
import { describe } from 'vitest';
import { accessContract } from './store/access.ts';
import { attemptsContract } from './store/attempts.ts';
import type { OpenStore } from './store/bench.ts';
import { storeBench } from './store/bench.ts';
import { claimContract } from './store/claim.ts';
import { commitContract } from './store/commit.ts';
import { createContract } from './store/create.ts';
import { eventsContract } from './store/events.ts';
import { fleetContract } from './store/fleet.ts';
import { guardsContract } from './store/guards.ts';
import { journalContract } from './store/journal.ts';
import { leasesContract } from './store/leases.ts';
import { listsContract } from './store/lists.ts';
import { pictureContract } from './store/picture.ts';
import { reportContract } from './store/report.ts';
import { roomContract } from './store/room.ts';

export function storeContract(name: string, open: () => Promise<OpenStore>): void {
  describe(`the store ${name}`, () => {
    const bench = storeBench(open);
    createContract(bench);
    commitContract(bench);
    listsContract(bench);
    claimContract(bench);
    attemptsContract(bench);
    journalContract(bench);
    guardsContract(bench);
    leasesContract(bench);
    reportContract(bench);
    pictureContract(bench);
    eventsContract(bench);
    roomContract(bench);
    fleetContract(bench);
    accessContract(bench);
  });
}
