/**
 * Replaces one replica of a container by another, online. The new one joins before the old one goes:
 *
 *   widen    sys.peers of every replica become the old set and the new service
 *   copy     the new service takes the base from the master
 *   join     everybody leaves and is elected anew: from now on the new replica gets every write, like the others, and has all earlier ones
 *   force    meta1's row is replaced; every proxy forgets where the container was
 *   narrow   sys.peers become the new set
 *   part     everybody leaves and is elected anew, without the old replica
 *   remove   the old replica's file goes, last, when all the others hold what it holds
 *
 * At no time does a proxy, whichever of both sets it knows, send a client to a replica that gets no writes. (With the peers set to the new
 * set at once, a write acknowledged between `force` and the next election would be invisible at the new replica.)
 *
 * The way back is the same way with both services exchanged; what is so already is not done again.
 */
import type { JournalEntry, Json, TaskContext } from '@longshore/core';
import { LongshoreError } from '@longshore/core';
import type { Namespace } from '../client/index.ts';
import { copyDeadlineMs, TargetIsMaster } from '../client/index.ts';
import { NotAsExpected } from '../errors.ts';
import { compareVersions, joined, peersOf, versionsOf } from '../model.ts';
import { observe } from '../observe.ts';
import { masterOf } from '../plan/election.ts';
import { holdsNothingMore } from '../plan/facts.ts';
import { finalProblems } from '../plan/final-check.ts';
import { elect, lookAt } from './elect.ts';
import { CHECK_MS, drawnOut } from './settings.ts';

export interface Relocation {
  cid: string;
  /** For messages. */
  name: string;
  seq: number;
  args: string;
  /** As it is to be. */
  hosts: readonly string[];
  incoming: string;
  outgoing: string;
  /** Everybody who may take part or have a file: all of both sets, and ex-peers. */
  everybody: readonly string[];
  status: 'enabled' | 'frozen' | 'disabled' | 'unknown';
  pauseMs: number;
  /** Every step is made, though it seems to have been: for a way back, since a late step of the way there may still land. */
  always: boolean;
  /** When a copy to the replica that goes now was sent whose end nobody has seen: one that came later would leave a file behind. */
  copySentAt?: number | undefined;
}

/** Of the way there, for the way back. */
export function copySentAt(begun: readonly JournalEntry[]): number | undefined {
  return begun.find(({ key, state }) => key === 'copy' && state === 'intent')?.at;
}

export class Relocator {
  readonly #context: TaskContext<unknown>;
  readonly #namespace: Namespace;
  readonly #way: Relocation;
  readonly #wide: readonly string[];

  constructor(context: TaskContext<unknown>, namespace: Namespace, way: Relocation) {
    this.#context = context;
    this.#namespace = namespace;
    this.#way = way;
    this.#wide = [...new Set([...way.hosts, way.outgoing])].sort();
  }

  /** `begun`: entries of an earlier attempt in the same direction. */
  async run(begun: readonly JournalEntry[]): Promise<{ leftover: boolean }> {
    // Once it has been narrowed, the new replica had joined and the row was replaced.
    if (!begun.some(({ key }) => key === 'narrow') && !(await this.#isThere())) {
      await this.#widen();
      await this.#copy();
      await this.#join();
      await this.#force();
    }
    // Each time: a proxy that was away before may be back.
    await this.#namespace.flush();
    await this.#narrow();
    await this.#part();
    await this.#verify('all but the old file is as it must be', true);
    const leftover = await this.#remove();
    await this.#namespace.flush();
    await this.#verify('the container is as it must be', leftover);
    return { leftover };
  }

  async #effect<T extends Json>(key: string, what: string, observed: () => Promise<T>, wanted: T, act: () => Promise<void>): Promise<void> {
    const { pauseMs, always } = this.#way;
    await this.#context.effect<T>({
      key,
      what,
      observe: observed,
      wanted,
      act: () => drawnOut(this.#context, pauseMs, act),
      ...(always && (key === 'force' || key === 'narrow') ? { always: true } : {}),
    });
  }

  /** The row and the peers are as they are to be: who is to go knows nobody any more, and could not take part again. */
  async #isThere(): Promise<boolean> {
    const { cid, seq, hosts } = this.#way;
    const { rows } = await this.#namespace.show(cid);
    return rows.length === 1 && rows[0]!.seq === seq && joined(rows[0]!.hosts) === joined(hosts) && (await this.#peers()) === joined(hosts);
  }

  async #peers(): Promise<string> {
    return joined(peersOf((await this.#namespace.fromMaster(this.#way.cid)).system));
  }

  async #widen(): Promise<void> {
    const { cid, name, incoming } = this.#way;
    await this.#effect(
      'widen',
      `add ${incoming} to the peers of ${name}`,
      () => this.#peers(),
      joined(this.#wide),
      () => this.#namespace.setPeers(cid, this.#wide),
    );
  }

  async #copy(): Promise<void> {
    const { cid, name, incoming } = this.#way;
    await this.#effect(
      'copy',
      `copy ${name} to ${incoming}`,
      () => this.#hasCopy(),
      true,
      async () => {
        const objects = await this.#objects();
        try {
          await this.#namespace.copy(cid, { from: await this.#master(), to: incoming, objects });
        } catch (error) {
          if (!TargetIsMaster.is(error)) throw error;
          await this.#namespace.leave(cid, [incoming]);
          await this.#namespace.copy(cid, { from: await this.#master(), to: incoming, objects });
        }
      },
    );
  }

  /** It is whole and holds nothing else than the master; what has been written since the copy comes when it joins. */
  async #hasCopy(): Promise<boolean> {
    const { cid, incoming } = this.#way;
    const { with: files } = await this.#namespace.has(cid, [incoming]);
    if (!files.includes(incoming)) return false;
    try {
      const { system } = await this.#namespace.replica(cid, incoming);
      if (system['sys.m2.init'] !== '1') return false;
      const standing = compareVersions(versionsOf(system), versionsOf((await this.#namespace.fromMaster(cid)).system));
      return standing !== 'apart' && peersOf(system).includes(incoming);
    } catch (error) {
      if (error instanceof LongshoreError && !error.data.retryable) return false;
      throw error;
    }
  }

  async #objects(): Promise<number> {
    return Number((await this.#namespace.fromMaster(this.#way.cid)).system['sys.m2.objects'] ?? 0);
  }

  async #master(): Promise<string> {
    const { cid, everybody } = this.#way;
    const found = masterOf((await this.#namespace.debug(cid, everybody)).members);
    if (found !== undefined) return found;
    const answers = await this.#namespace.status(cid);
    const elected = [...answers].find(([, { code }]) => code === 200)?.[0];
    if (elected === undefined) throw NotAsExpected({ container: this.#way.name, problems: ['no master'] });
    return elected;
  }

  async #join(): Promise<void> {
    const { incoming, name } = this.#way;
    await this.#effect(
      'join',
      `have ${incoming} take part in the election of ${name}`,
      () => this.#hasJoined(),
      true,
      () => this.#elect(this.#wide),
    );
  }

  /**
   * The new replica takes part, and holds what the master held a moment before: a member counts as a slave also when it could not take the
   * base (`SYNC_KO`), and its readers would miss what had been acknowledged.
   */
  async #hasJoined(): Promise<boolean> {
    const { cid, incoming } = this.#way;
    if (!(await this.#electedAs(this.#wide))) return false;
    const { members } = await this.#namespace.debug(cid, [incoming]);
    if (!['MASTER', 'SLAVE'].includes(members.get(incoming)?.state ?? 'NONE')) return false;
    const known = versionsOf((await this.#namespace.fromMaster(cid)).system);
    const own = versionsOf((await this.#namespace.replica(cid, incoming)).system);
    return ['equal', 'ahead'].includes(compareVersions(own, known));
  }

  async #force(): Promise<void> {
    const { cid, seq, hosts, args, name, incoming } = this.#way;
    const row = async (): Promise<string> =>
      (await this.#namespace.show(cid)).rows.map((one) => `${one.seq}: ${joined(one.hosts)}`).join('; ');
    await this.#effect('force', `link ${name} to ${joined(hosts)}`, row, `${seq}: ${joined(hosts)}`, async () => {
      // Looked at once more: after this, clients are sent to the new replica.
      if (!(await this.#hasJoined())) {
        await this.#elect(this.#wide);
        if (!(await this.#hasJoined()))
          throw NotAsExpected({ container: name, problems: [`${incoming} has not taken what its master has`] });
      }
      await this.#namespace.force(cid, { seq, hosts, args });
    });
  }

  async #narrow(): Promise<void> {
    const { cid, name, hosts, outgoing } = this.#way;
    await this.#effect(
      'narrow',
      `take ${outgoing} from the peers of ${name}`,
      () => this.#peers(),
      joined(hosts),
      () => this.#namespace.setPeers(cid, hosts),
    );
  }

  async #part(): Promise<void> {
    const { name, hosts, outgoing } = this.#way;
    await this.#effect(
      'part',
      `have ${name} elected without ${outgoing}`,
      () => this.#electedAs(hosts),
      true,
      () => this.#elect(hosts),
    );
  }

  /** Shows the election on the way: it is what people want to see of a move. */
  async #electedAs(wanted: readonly string[]): Promise<boolean> {
    const { cid, name, hosts, incoming, outgoing, everybody } = this.#way;
    const { members, problems } = await lookAt(this.#namespace, cid, wanted, everybody);
    await this.#context.show('election', { name, cid, hosts: [...hosts], incoming, outgoing, members, problems });
    return problems.length === 0;
  }

  #elect(wanted: readonly string[]): Promise<void> {
    const { cid, name, everybody } = this.#way;
    return elect(this.#context, this.#namespace, { cid, name, wanted, everybody });
  }

  async #verify(what: string, oldFileStays: boolean): Promise<void> {
    const { cid, hosts, outgoing, status, name } = this.#way;
    let last: string[] = [];
    const isSo = async (): Promise<boolean> => {
      const facts = await observe(this.#namespace, cid);
      last = finalProblems(facts, { hosts, gone: [outgoing], status }).filter(
        (problem) => !oldFileStays || !/ still has a file of it$/.test(problem),
      );
      return last.length === 0;
    };
    try {
      await this.#context.confirm(`${name}: ${what}`, isSo, CHECK_MS);
    } catch (error) {
      if (last.length === 0 || this.#context.signal.aborted) throw error;
      throw NotAsExpected({ container: name, problems: last }, { cause: error });
    }
  }

  /** True when the old file stays, since its service does not answer. */
  async #remove(): Promise<boolean> {
    const { cid, name, outgoing, everybody, hosts, copySentAt: sentAt } = this.#way;
    const { clock, signal } = this.#context;
    const landed = sentAt === undefined ? 0 : sentAt + copyDeadlineMs(await this.#objects());
    if (landed > clock.now()) await clock.sleep(landed - clock.now(), signal);
    const strangers = everybody.filter((id) => !hosts.includes(id));
    let leftover = false;
    for (const id of [outgoing, ...strangers.filter((one) => one !== outgoing)]) {
      const facts = await observe(this.#namespace, cid);
      if (facts.silent.has(id)) {
        leftover = true;
        this.#context.note({
          level: 'warning',
          row: name,
          text: `${id} does not answer: its old file stays. When it is back, \`longshore openio repair\` removes it`,
        });
        continue;
      }
      if (id !== outgoing && !facts.files.includes(id)) continue;
      // One that cannot be read took part until now: a majority of the others has what it had acknowledged.
      const isKnown = holdsNothingMore(facts, id, hosts) || (id === outgoing && !facts.replicas.has(id));
      if (facts.files.includes(id) && !isKnown) {
        leftover = true;
        this.#context.note({ level: 'warning', row: name, text: `the file at ${id} holds what the others do not, and stays` });
        continue;
      }
      await this.#effect(
        id === outgoing ? 'remove' : `remove-${id}`,
        `remove the old file of ${name} from ${id}`,
        async () => (await this.#namespace.has(cid, [id])).with.includes(id),
        false,
        async () => void (await this.#namespace.remove(cid, id)),
      );
    }
    return leftover;
  }
}
