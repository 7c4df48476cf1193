/** People in the storm: they approve, pause and resume, cancel, try again what failed, and take back some of what went well. */
import { setTimeout as pause } from 'node:timers/promises';
import type { OperationHeader, Random } from '@longshore/core';
import { FINAL_STATES, LongshoreError } from '@longshore/core';
import type { Fleet } from '../../support/fleet.ts';

/** How often they look. */
const LOOK_MS = 150;
/** What fails or comes to its end at one look is decided about at one of the next ones, or left alone. */
const RETRIES = 0.5;
const REVERTS = 0.002;
const CANCELS = 0.002;
const PAUSES = 0.01;
const STOPS = 0.02;

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
    const chance = this.#random.next();
    if (header.state === 'running' && header.intent === undefined && chance < CANCELS) {
      if (await this.#ask(() => this.#fleet.service.act(header.id, 'cancel', 'somebody'))) this.counts.cancelled += 1;
    } else if (header.state === 'running' && header.intent === undefined && chance < PAUSES) {
      if (await this.#ask(() => this.#fleet.service.act(header.id, 'pause', 'somebody'))) this.counts.paused += 1;
    } else if (header.state === 'planned' && header.mode === 'plan') await this.#planAnew(header);
    else if (header.state === 'reverting' && header.intent === undefined && !header.revert?.stopped && chance < STOPS) {
      const action = this.#random.next() < 0.5 ? 'pause' : 'cancel';
      if (await this.#ask(() => this.#fleet.service.act(header.id, action, 'somebody'))) this.counts['ways back stopped'] += 1;
    } else if (wasStopped(header) && chance < RETRIES) await this.#ask(() => this.#fleet.service.revert(header.id, 'somebody'));
    else if (header.state === 'succeeded' && chance < REVERTS) {
      if (await this.#ask(() => this.#fleet.service.revert(header.id, 'somebody'))) this.counts['taken back'] += 1;
    } else if (canRetry(header) && chance < RETRIES) await this.#retry(header);
    else if (chance < RETRIES) await this.#letGoOn(header);
  }

  async #letGoOn({ id, state }: OperationHeader): Promise<void> {
    const { service } = this.#fleet;
    if (state === 'awaiting-approval') {
      if (await this.#ask(() => service.approve(id, { by: 'somebody', reason: 'it is time' }))) this.counts.approved += 1;
    } else if (state === 'paused') await this.#ask(() => service.act(id, 'resume', 'somebody'));
  }

  /** The target was changed by somebody else before it could begin: it shows the difference, and waits. */
  async #planAnew({ id }: OperationHeader): Promise<void> {
    if (await this.#ask(() => this.#fleet.service.act(id, 'start', 'somebody', { replan: true }))) this.counts['planned anew'] += 1;
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
