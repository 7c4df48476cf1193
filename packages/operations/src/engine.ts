/** What the engine runs on: the ports, what kinds there are, and the fleet's settings. */
import type { Clock, Log, Random, SpoolMount, Store, Target, Transport } from '@longshore/core';
import type { Registry } from './registry.ts';

export interface Engine {
  store: Store;
  transport: Transport;
  registry: Registry;
  clock: Clock;
  random: Random;
  log: Log;
  settings?: EngineSettings;
}

/** What a fleet's configuration says of its operations; the defaults are what no setting means. */
export interface EngineSettings {
  /** Operations that run at once; the others wait in the order of their submission. Default: any number. */
  operationsAtOnce?: number | undefined;
  /** How long operations that are over are kept, and how many at most. Default: 90 days, 10,000. */
  retention?: { days: number; count: number } | undefined;
  /** An approval must come from somebody else than the operation's owner. */
  fourEyes?: boolean | undefined;
  /** Kinds with guards run on a Redis that may lose its last writes. */
  acceptLossyStore?: boolean | undefined;
}

export interface WorkerSetup extends Engine {
  worker: string;
  /** Spools this process can reach, by name. */
  spools: ReadonlyMap<string, SpoolMount>;
  /** A configured target, or an address where those are allowed; throws a catalogue error for anything else. */
  resolveTarget(name: string, system: string): Target;
  /** How many tasks may work on a target at once; undefined: any number. */
  placesOf?(target: string): number | undefined;
  /** Called around every effect; a test kills the process there. */
  at?(effect: string, when: 'before' | 'after'): Promise<void>;
}
