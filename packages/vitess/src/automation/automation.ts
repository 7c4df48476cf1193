/**
 * What the automation of Vitess up to version 7 takes and refuses, in its order and its words. What is taken is an ordinary operation; where it
 * lies is told by a port, so that this knows no store.
 */

import type { LegacyOperation } from '../plan/containers.ts';
import { LEGACY_OPERATIONS } from '../plan/containers.ts';
import type { Parameters } from '../plan/leaf-tasks.ts';
import { parameterProblem } from '../plan/leaf-tasks.ts';
import type { ClusterOperation } from './cluster-operation.ts';

/** 0: nothing schedules; 1: running; 2: takes nothing new, what is there is brought to its end; 3: that has ended. */
export type Life = 0 | 1 | 2 | 3;

export interface AutomationPort {
  life(): Promise<Life>;
  /** Gives the operation's number, counting from 1; one that is not taken uses up none. */
  submit(kind: string, params: Record<string, string | boolean>): Promise<string>;
  /** Undefined for a number that was never given, or is forgotten. */
  operation(id: string): Promise<ClusterOperation | undefined>;
}

/** A request that is refused, in the original's words. */
export class Refusal extends Error {}

export interface Automation {
  /** Throws `Refusal`. */
  enqueue(name: string, parameters: Parameters): Promise<string>;
  details(id: string): Promise<ClusterOperation>;
}

/** Names that can be enqueued, each with what implements it; leaf tasks are not among them. */
export type Registered = ReadonlyMap<string, LegacyOperation | undefined>;

/** What can be enqueued. */
export const REGISTERED: Registered = new Map(LEGACY_OPERATIONS.map((operation) => [operation.name, operation]));

export function automation(port: AutomationPort, registered: Registered = REGISTERED): Automation {
  return {
    async enqueue(name, parameters) {
      const life = await port.life();
      if (life !== 1) throw new Refusal(`scheduler is not running. State: ${life}`);
      if (!registered.has(name)) throw new Refusal(`no ClusterOperation with name: ${name} is registered`);
      const operation = registered.get(name);
      if (operation === undefined) throw new Refusal(`no implementation found for: ${name}`);
      const problem = parameterProblem(operation, parameters);
      if (problem !== undefined) throw new Refusal(problem);
      // The original sends the commands of its tasks and nothing before them.
      return port.submit(operation.kind, { ...parameters, preflight: false });
    },
    async details(id) {
      const found = await port.operation(id);
      if (found === undefined) throw new Refusal(`ClusterOperation with id: ${id} not found`);
      return found;
    },
  };
}
