/** One cluster: its topology, its workflows, and a clock that moves them. Both vtctlds, of old and of today, work on it. */
import type { Clock } from '@longshore/core';
import { systemClock } from '@longshore/core';
import type { StreamSettings } from './streams.ts';
import { Workflows } from './streams.ts';
import type { KeyspaceOptions } from './topology.ts';
import { Topology } from './topology.ts';

export interface ClusterSettings extends StreamSettings {
  /** Ticks after which a comparison is through. */
  diffTicks: number;
  /** Ticks after which vtgate reads the list of tablets anew; 0: never by itself. */
  gateTicks: number;
  /** How long a migration of old waits for its destinations, ms. */
  filteredWaitMs: number;
  /** How far replicas are behind their primaries, as throttlers measure it. */
  replicaLagSeconds: number;
  /** What they measure beside it, by metric. */
  loads: Record<string, number>;
}

export interface ClusterOptions extends Partial<ClusterSettings> {
  keyspaces: Record<string, KeyspaceOptions>;
  cells?: string[];
  clock?: Clock;
  tickMs?: number;
}

const DEFAULTS: ClusterSettings = {
  startTicks: 3,
  copyRowsPerTick: 40,
  changesPerTick: 50,
  duplicatesAreErrors: true,
  diffTicks: 2,
  gateTicks: 5,
  filteredWaitMs: 30_000,
  replicaLagSeconds: 0,
  loads: {},
};
const TICK_MS = 5;

export class Cluster implements Disposable {
  readonly topology: Topology;
  readonly workflows: Workflows;
  /** May be changed at any time. */
  readonly settings: ClusterSettings;
  readonly clock: Clock;
  readonly #timer: NodeJS.Timeout;
  #waiting: (() => void)[] = [];

  constructor({ keyspaces, cells = ['zone1'], clock = systemClock, tickMs = TICK_MS, ...settings }: ClusterOptions) {
    this.clock = clock;
    this.settings = { ...DEFAULTS, ...settings };
    this.topology = new Topology(cells, () => clock.now());
    for (const [name, options] of Object.entries(keyspaces)) this.topology.addKeyspace(name, options);
    // vtgate has been there for long: it knows who serves. Who came since it finds when it looks the next time.
    for (const { uid, keyspace, shard } of this.topology.tablets())
      if (this.topology.keyspace(keyspace).served.get('PRIMARY')?.includes(shard)) this.topology.known.add(uid);
    this.workflows = new Workflows(this.topology, this.settings, () => clock.now());
    this.#timer = setInterval(() => this.#tick(), tickMs);
  }

  nextTick(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #tick(): void {
    this.workflows.tick();
    if (this.settings.gateTicks > 0 && this.workflows.ticks % this.settings.gateTicks === 0) this.topology.refreshGate();
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
