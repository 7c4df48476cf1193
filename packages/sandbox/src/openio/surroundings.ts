/** What a service, and its part in an election, see of the world around them. */
import type { Clock, Random } from '@longshore/core';
import type { BaseFile, Mutation, Versions } from './base-file.ts';
import type { Meta1 } from './meta1.ts';
import type { OpenIoSettings } from './settings.ts';
import type { ElectionNodes } from './zookeeper.ts';

export interface Surroundings {
  readonly namespace: string;
  readonly settings: OpenIoSettings;
  readonly clock: Clock;
  readonly random: Random;
  readonly meta1: Meta1;
  readonly nodes: ElectionNodes;
  step(): Promise<void>;
  pause(ms: number): Promise<void>;
  /** Something about a base has changed. */
  changed(base: string): void;
  /** Until something about a base changes, or so long. */
  waitChange(base: string, ms: number): Promise<void>;
  isRaced(base: string): boolean;
  /** Lets the one that a test favours take the lowest number. */
  favoured(base: string, id: string): Promise<void>;
  memberOf(id: string, base: string): { state: string; seq: number | null } | undefined;
  /** Undefined when it cannot be reached. */
  versionsAt(id: string, base: string, group?: readonly string[]): Versions | undefined;
  /** Tells a peer that the base is in use. */
  ping(id: string, base: string, group: readonly string[]): void;
  replicateTo(id: string, base: string, from: string, before: Versions, mutation: Mutation): Promise<boolean>;
  transfer(from: string, to: string, base: string): Promise<void>;
}

/** A service, as its members see it. */
export interface OwnService {
  readonly id: string;
  readonly alive: boolean;
  readonly cluster: Surroundings;
  file(base: string): BaseFile;
  versionsOf(base: string): Versions;
}
