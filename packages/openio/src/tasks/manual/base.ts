/**
 * A base whose files are edited on their hosts: where the files are, how it is made sure that no service has one open, and how peers are
 * written into them. A service keeps a file open, and a copy of its `admin` table beside it; what is written into an open file is not seen.
 */
import type { Json, TaskContext } from '@longshore/core';
import { z } from 'zod';
import type { Namespace } from '../../client/index.ts';
import { CannotProveClosed, ChangedMeanwhile, DamagedFile, FileInUse } from '../../errors.ts';
import type { Host } from '../../hosts/index.ts';
import { hostOf } from '../../hosts/index.ts';
import { hostSettings } from '../../hosts/settings.ts';
import { joined } from '../../model.ts';
import { baseName, basePath, ContainerId } from '../../names.ts';
import type { Where } from '../../params.ts';
import { ServiceId, where } from '../../params.ts';
import { leaveWholly } from '../elect.ts';

/** What every task of a manual move is given. */
export interface ManualParams extends Where {
  namespace: string;
  cid: string;
  seq: number;
  args: string;
  /** `account/container`, for messages. */
  name: string;
  /** In meta1, before. */
  hosts: string[];
  from: string;
  to: string;
  /** Replicas that stay and whose files can be reached. */
  kept: string[];
  /** Replicas whose files are edited: those, and the one that goes where it is `widened`. */
  edited: string[];
  /**
   * There is a master, so clients may come between any two steps. The files get the old set and the new replica, as online; whoever is
   * elected meanwhile, with whichever files are edited already, nobody is read from who gets no writes. The rest is done online.
   */
  widened: boolean;
  backup?: string | undefined;
  rdir?: string | undefined;
  maxFrozenMs: number;
  pauseMs: number;
}
export const manualParams: z.ZodType<ManualParams> = z.strictObject({
  ...where,
  namespace: z.string().min(1),
  cid: ContainerId,
  seq: z.int(),
  args: z.string(),
  name: z.string(),
  hosts: z.array(ServiceId),
  from: ServiceId,
  to: ServiceId,
  kept: z.array(ServiceId).min(1),
  edited: z.array(ServiceId).min(1),
  widened: z.boolean(),
  backup: z.string().optional(),
  rdir: z.url().optional(),
  maxFrozenMs: z.int().positive(),
  pauseMs: z.int().min(0),
});

/** As the engine stores it. */
export function asJson({ backup, rdir, ...rest }: ManualParams): { [key: string]: Json } {
  return { ...rest, ...(backup === undefined ? {} : { backup }), ...(rdir === undefined ? {} : { rdir }) };
}

export const DECACHE = 'server.periodic_decache.period';
/** How long a service may take to close a base, at one base a second. */
const CLOSE_MS = 60_000;
const LOOK_MS = 50;

export interface FileOf {
  id: string;
  host: Host;
  path: string;
  volume: string;
}

export class ManualBase {
  readonly params: ManualParams;
  readonly context: TaskContext<unknown>;
  readonly namespace: Namespace;
  readonly base: string;

  constructor(context: TaskContext<unknown>, namespace: Namespace, params: ManualParams) {
    this.context = context;
    this.namespace = namespace;
    this.params = params;
    this.base = baseName(params.cid, params.seq);
  }

  get newHosts(): string[] {
    const { hosts, from, to } = this.params;
    return hosts.map((host) => (host === from ? to : host)).sort();
  }
  get everybody(): string[] {
    return [...new Set([...this.params.hosts, this.params.to])].sort();
  }

  /** What the files are made to say. */
  get peersToWrite(): string[] {
    return this.params.widened ? this.everybody : this.newHosts;
  }

  /** Where these services have their files, by the conscience: never by what somebody typed. */
  async files(ids: readonly string[]): Promise<FileOf[]> {
    const settings = hostSettings(this.namespace);
    const services = await this.namespace.services();
    return ids.flatMap((id) => {
      const service = services.find((one) => one.id === id);
      if (!service || service.volume === '') return [];
      return [{ id, host: hostOf(service, settings), path: `${service.volume}/${basePath(this.base)}`, volume: service.volume }];
    });
  }

  /** Services of the set that answer. */
  async awake(): Promise<string[]> {
    const { silent } = await this.namespace.debug(this.params.cid, this.everybody);
    return this.everybody.filter((id) => !silent.has(id));
  }

  async isClosed({ host, path, id }: FileOf): Promise<boolean> {
    const by = await host.openBy(path);
    if ('unknown' in by) throw CannotProveClosed({ path, host: `${host.name} (${id})`, why: by.unknown });
    return by.pids.length === 0;
  }

  /**
   * Everybody has left, and no process holds a file of it. Services must have been told to close idle bases. Where clients may come at any
   * time this is not to be had, and not needed: files are edited one by one, each in a moment in which nobody has it open.
   */
  async close(ids: readonly string[]): Promise<void> {
    const { cid, name, widened } = this.params;
    if (widened) return;
    const { clock, signal } = this.context;
    await this.namespace.flush();
    const files = await this.files(ids);
    const until = clock.now() + CLOSE_MS;
    for (;;) {
      await leaveWholly(this.context, this.namespace, cid, name, await this.awake());
      const closedUntil = clock.now() + CLOSE_MS / 10;
      for (;;) {
        let open: FileOf | undefined;
        for (const file of files) if (!open && !(await this.isClosed(file))) open = file;
        if (!open) break;
        if (clock.now() >= until) throw FileInUse({ path: open.path, host: open.host.name, by: open.id });
        if (clock.now() >= closedUntil) break;
        await clock.sleep(LOOK_MS, signal);
      }
      if ((await this.#nobodyTakesPart()) && (await this.#allClosed(files))) return;
      if (clock.now() >= until)
        throw FileInUse({ path: files[0]?.path ?? name, host: files[0]?.host.name ?? '', by: 'a service that clients turn to' });
    }
  }

  async #nobodyTakesPart(): Promise<boolean> {
    const { members } = await this.namespace.debug(this.params.cid, this.everybody);
    return [...members.values()].every((member) => member === null || member.state === 'NONE');
  }

  async #allClosed(files: readonly FileOf[]): Promise<boolean> {
    for (const file of files) if (!(await this.isClosed(file))) return false;
    return true;
  }

  /** Sound, or an error that says what is wrong with it. */
  async assertSound({ host, path }: Pick<FileOf, 'host' | 'path'>): Promise<void> {
    const found = await host.quickCheck(path).catch((error: unknown) => (error instanceof Error ? error.message : String(error)));
    if (found !== 'ok') throw DamagedFile({ path, host: host.name, problem: found });
  }

  async peersIn({ host, path }: FileOf): Promise<string> {
    return (await host.admin(path))['sys.peers'] ?? '';
  }

  /** Into one closed file, in one transaction, where it still says `before`. */
  async writePeers(file: FileOf, before: string, after: string): Promise<void> {
    if (!(await this.isClosed(file))) throw FileInUse({ path: file.path, host: file.host.name, by: file.id });
    const changed = await file.host.editPeers(file.path, before, after);
    if (changed === 1) return;
    const found = await this.peersIn(file);
    if (found !== after) throw ChangedMeanwhile({ path: file.path, host: file.host.name, found, expected: before });
  }

  /**
   * Makes every file that is edited say `hosts`, journalled file by file. What a service has read before it was written is made to be read again:
   * with open files nothing is as it looks.
   */
  async setPeers(hosts: readonly string[], ids: readonly string[] = this.params.edited): Promise<void> {
    const wanted = joined(hosts);
    for (const file of await this.files(ids)) {
      let before = '';
      await this.context.effect<string>({
        key: `edit-${file.id}`,
        what: `set the peers of ${this.params.name} to ${wanted} in the file of ${file.id}`,
        observe: async () => {
          before = await this.peersIn(file);
          return before;
        },
        wanted,
        act: async () => {
          // A member keeps the peers it began with, however closed its file is.
          if (!(await this.isClosed(file)) || !(await this.#nobodyTakesPart())) await this.close(ids);
          await this.#inAnIdleMoment(() => this.writePeers(file, before, wanted));
        },
      });
    }
    for (const file of await this.files(ids)) {
      const until = this.context.clock.now() + CLOSE_MS;
      while (!(await this.seesItsFile(file))) {
        if (this.context.clock.now() >= until) throw FileInUse({ path: file.path, host: file.host.name, by: file.id });
        await this.close(ids);
        await this.context.clock.sleep(LOOK_MS, this.context.signal);
      }
    }
  }

  /** A service that closes idle bases has the file open as long as a request takes. */
  async #inAnIdleMoment(write: () => Promise<void>): Promise<void> {
    const { clock, signal } = this.context;
    const until = clock.now() + CLOSE_MS;
    for (;;)
      try {
        return await write();
      } catch (error) {
        if (!FileInUse.is(error) || clock.now() >= until) throw error;
        await clock.sleep(LOOK_MS, signal);
      }
  }

  /** The service reads of its base what stands in the file; one that is down, or has it closed, will. */
  async seesItsFile(file: FileOf): Promise<boolean> {
    if (await this.isClosed(file)) return true;
    const { system } = await this.namespace.replica(this.params.cid, file.id);
    return system['sys.peers'] === (await this.peersIn(file));
  }
}
