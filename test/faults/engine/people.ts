/** People in the storm: they approve, pause and resume, cancel, try again what failed, and take back some of what went well. */
import { setTimeout as pause } from 'node:timers/promises';
import type { OperationHeader, Random } from '@longshore/core';
import { FINAL_STATES, LongshoreError } from '@longshore/core';
import type { Fleet } from '../../support/fleet.ts';

/** How often they look. */
const LOOK_MS = 150;
/** What failed or waits is decided about at one of the next looks. */
const SOON = 0.5;
/** How many are taken back once they went well, and of the others paused and cancelled; and how many of the ways back are. */
const REVERTS = 0.3;
const PAUSES = 0.2;
const CANCELS = 0.1;
const STOPS = 0.5;

/** An operation may fail for these reasons before anything of it was begun. */
const BEFORE: ReadonlySet<string> = new Set([
  // Somebody else works there.
  'LSH_LEASE_HELD',
  // The counter is elsewhere by now, or not all of it has been put in order again.
  'LSH_PLAN_REFUSED',
  'LSH_COUNTER_MISSING',
  'LSH_COUNTER_EXISTS',
  'LSH_COUNTER_ROUTED',
  'LSH_COUNTER_DENIED',
  // The service answered 503 for longer than a planning tries.
  'LSH_COUNTER_BUSY',
]);
/** And for these after it had begun. */
const AFTER: ReadonlySet<string> = new Set([
  // Killed workers kept it from getting through its guard in time.
  'LSH_GUARD_TIME',
  // The service answered 503 for longer than a step tries.
  'LSH_COUNTER_BUSY',
  // Taken back or tried again, but somebody has worked there meanwhile.
  'LSH_TARGET_CHANGED',
  // A person stopped its way back.
  'LSH_REVERT_STOPPED',
  // A move of units that failed for one of these reasons, and the others went on.
  'LSH_COUNTER_UNEVEN',
]);

export class People {
  readonly counts = {
    approved: 0,
    paused: 0,
    cancelled: 0,
    retried: 0,
    'retries refused': 0,
    'taken back': 0,
    'ways back stopped': 0,
    'planned anew': 0,
  };
  /** How often an operation failed for each reason. */
  readonly reasons: Map<string, number> = new Map();
  /** Failures that nobody has designed. */
  readonly problems: string[] = [];
  readonly #fleet: Fleet;
  readonly #random: Random;
  readonly #decided: Set<string> = new Set();
  /** Failures seen, by operation and when it ended. */
  readonly #seen: Set<string> = new Set();

  constructor(fleet: Fleet, random: Random) {
    this.#fleet = fleet;
    this.#random = random;
  }

  async whileStormy(stormy: () => boolean): Promise<void> {
    while (stormy()) {
      await pause(LOOK_MS);
      for (const header of await this.#all()) await this.#decide(header);
    }
  }

  /** Until nothing waits for a person any more, and what failed has been tried again in the calm. */
  async afterwards(): Promise<void> {
    const tried = new Set<string>();
    for (;;) {
      const open = (await this.#all()).filter((header) => !FINAL_STATES.has(header.state) || (canRetry(header) && !tried.has(header.id)));
      if (open.length === 0) return;
      for (const header of open) {
        this.note(header);
        if (canRetry(header)) {
          tried.add(header.id);
          await this.#retry(header);
        } else if (header.state === 'planned' && header.mode === 'plan') await this.#planAnew(header);
        else await this.#letGoOn(header);
      }
      await pause(LOOK_MS);
    }
  }

  /** Writes down why it failed. */
  note({ id, kind, state, error, startedAt, endedAt }: OperationHeader): void {
    const name = `${id} ${endedAt}`;
    if (state !== 'failed' || this.#seen.has(name)) return;
    this.#seen.add(name);
    const code = error?.code ?? 'none';
    this.reasons.set(code, (this.reasons.get(code) ?? 0) + 1);
    if ((startedAt === undefined ? BEFORE : AFTER).has(code)) return;
    this.problems.push(`${id} (${kind}) failed ${startedAt === undefined ? 'before' : 'after'} it had begun: ${code}: ${error?.message}`);
  }

  async #all(): Promise<OperationHeader[]> {
    return (await this.#fleet.service.list({ limit: 1_000 })).operations;
  }

  async #decide(header: OperationHeader): Promise<void> {
    this.note(header);
    const { service } = this.#fleet;
    const { id, state } = header;
    if (state === 'running' && this.#first(id, state)) {
      const chance = this.#random.next();
      if (chance < CANCELS) await this.#did('cancelled', () => service.act(id, 'cancel', 'somebody'));
      else if (chance < CANCELS + PAUSES) await this.#did('paused', () => service.act(id, 'pause', 'somebody'));
    } else if (state === 'reverting' && this.#first(id, state)) {
      if (this.#random.next() < STOPS) {
        const action = this.#random.next() < 0.5 ? 'pause' : 'cancel';
        await this.#did('ways back stopped', () => service.act(id, action, 'somebody'));
      }
    } else if (state === 'succeeded' && this.#first(id, state)) {
      if (this.#random.next() < REVERTS) await this.#did('taken back', () => service.revert(id, 'somebody'));
    } else if (this.#random.next() < SOON) {
      if (wasStopped(header)) await this.#ask(() => service.revert(id, 'somebody'));
      else if (canRetry(header)) await this.#retry(header);
      else if (state === 'planned' && header.mode === 'plan') await this.#planAnew(header);
      else await this.#letGoOn(header);
    }
  }

  /** Whether it is seen in this state for the first time: what is decided then does not hang on how often people look. */
  #first(id: string, state: string): boolean {
    const name = `${id} ${state}`;
    if (this.#decided.has(name)) return false;
    this.#decided.add(name);
    return true;
  }

  async #did(what: keyof People['counts'], ask: () => Promise<unknown>): Promise<void> {
    if (await this.#ask(ask)) this.counts[what] += 1;
  }

  async #letGoOn({ id, state }: OperationHeader): Promise<void> {
    const { service } = this.#fleet;
    if (state === 'awaiting-approval') {
      await this.#did('approved', () => service.approve(id, { by: 'somebody', reason: 'it is time' }));
    } else if (state === 'paused') await this.#ask(() => service.act(id, 'resume', 'somebody'));
  }

  /** The target was changed by somebody else before it could begin: it shows the difference, and waits. */
  async #planAnew({ id }: OperationHeader): Promise<void> {
    await this.#did('planned anew', () => this.#fleet.service.act(id, 'start', 'somebody', { replan: true }));
  }

  async #retry({ id }: OperationHeader): Promise<void> {
    if (await this.#ask(() => this.#fleet.service.retry(id, 'somebody'))) this.counts.retried += 1;
    else this.counts['retries refused'] += 1;
  }

  /** False when it is refused: somebody else has worked there since, or holds it now, or it has gone on meanwhile. */
  async #ask(what: () => Promise<unknown>): Promise<boolean> {
    try {
      await what();
      return true;
    } catch (error) {
      if (!(error instanceof LongshoreError)) throw error;
      return false;
    }
  }
}

/** A way back that was stopped goes on when it is asked for again. */
function wasStopped({ state, revert }: OperationHeader): boolean {
  return state === 'failed' && revert?.stopped !== undefined;
}

function canRetry({ state, startedAt, revert }: OperationHeader): boolean {
  return state === 'failed' && startedAt !== undefined && revert === undefined;
}
