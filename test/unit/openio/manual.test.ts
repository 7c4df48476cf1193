/** A base is moved by editing its files, with and without a master, on this machine and over ssh. */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { OperationHeader } from '@longshore/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { wrongWith } from './checks.ts';
import type { OpenIoFleet } from './fleet.ts';
import { ask, makeContainer, startFleet } from './fleet.ts';

const [A, B, C, D] = ['127.0.0.1:16020', '127.0.0.1:16021', '127.0.0.1:16022', '127.0.0.1:16023'] as const;
let fleet: OpenIoFleet;

beforeEach(async () => {
  fleet = await startFleet({ services: [A, B, C, D], speed: 5 });
  await makeContainer(fleet, 'c1', [A, B, C]);
});
afterEach(() => fleet[Symbol.asyncDispose]());

const move = (params: object = {}) => ({
  kind: 'openio.move-base',
  params: { ...fleet.where, account: 'acct', container: 'c1', from: A, to: D, mode: 'manual', maxFrozenMs: 3_600_000, ...params },
});
/** Also when it waits for a person, which must not be. */
const isOver = ({ endedAt, state }: OperationHeader): boolean => endedAt !== undefined || state === 'needs-attention';
const service = (id: string) => fleet.io.cluster.services.get(id)!;
const base = () => `${fleet.io.cluster.meta1.all()[0]!.cid}.1`;
const sql = (id: string, text: string) => {
  const db = new DatabaseSync(service(id).file(base()).path);
  db.exec(text);
  db.close();
};
const planned = async () =>
  (await fleet.service.plan((await fleet.service.list({ limit: 1 })).operations[0]!.id)).findings.map(({ text }) => text);

test('files are closed, backed up and edited; it is frozen only meanwhile', async () => {
  const header = await fleet.run(move());
  expect([header.state, header.error?.message]).toEqual(['succeeded', undefined]);
  expect(await wrongWith(fleet, 'c1', [B, C, D])).toEqual([]);
  const guards = [...(await fleet.store.load(header.id))!.guards.values()].map(({ key, state }) => [key.split(':')[0], state]);
  expect(guards).toEqual([
    ['freeze', 'closed'],
    ['decache', 'closed'],
  ]);
  const { backups } = (await fleet.store.done(header.id, 'backup'))[0]!.output as {
    backups: Record<string, { path: string; sha256: string }>;
  };
  expect(Object.keys(backups).sort()).toEqual([A, B, C]);
  for (const { path } of Object.values(backups)) expect(existsSync(path)).toBe(true);
  expect(fleet.io.proxies[0]!.log.matching(/unlink/)).toEqual([]);
});

test('two of three are away: no master, nothing is frozen, and with the new one there is a majority again', async () => {
  service(A).kill();
  service(C).kill();
  fleet.io.cluster.settings.electionTimeoutMs = 300;
  const header = await fleet.run(move());
  expect([header.state, header.error?.message]).toEqual(['succeeded', undefined]);
  expect(await planned()).toContain('it has no master now: nothing can be frozen, and nothing is written to it anyway');
  expect((await ask(fleet, 0, 'POST', 'content/create?acct=acct&ref=c1&path=again', [])).status).toBe(204);
  service(C).restart();
  await service(C).elected(base());
  service(A).restart();
  const repaired = await fleet.run({ kind: 'openio.repair', params: { ...fleet.where } });
  expect([repaired.state, repaired.error?.message]).toEqual(['succeeded', undefined]);
  expect(await wrongWith(fleet, 'c1', [B, C, D])).toEqual([]);
});

test('a damaged file, and files that each hold what the other does not, are refused', { timeout: 180_000 }, async () => {
  for (const id of [A, B, C]) await service(id).leave(base());
  for (const id of [A, B, C]) service(id).file(base()).close();
  sql(B, "UPDATE admin SET v = CAST('9:0' AS BLOB) WHERE k = 'version:main.aliases'");
  sql(C, "UPDATE admin SET v = CAST('9:0' AS BLOB) WHERE k = 'version:main.contents'");
  expect((await fleet.run(move())).error?.message).toContain('each hold what the other does not');
  writeFileSync(service(B).file(base()).path, 'this is no database, and was never one, whatever its name may be');
  expect((await fleet.run(move())).error?.message).toContain(`the file of ${B} is damaged`);
  expect(fleet.io.proxies[0]!.log.matching(/force|freeze|forward\/config/)).toEqual([]);
});

test.each([
  ['freeze', 'reset-after'],
  ['force', 'reset-after'],
  ['enable', 'reset-before'],
  ['enable', 'reset-after'],
] as const)('the answer to %s does not come (%s): it is looked at, and nothing stays frozen', { timeout: 180_000 }, async (route, kind) => {
  const fault = fleet.io.proxies[0]!.knobs.once(new RegExp(`^POST .*/${route}\\?`), { kind });
  const header = await fleet.run(move(), isOver);
  expect(fault.hits).toBe(1);
  expect([header.state, header.error?.message]).toEqual(['succeeded', undefined]);
  expect(await wrongWith(fleet, 'c1', [B, C, D])).toEqual([]);
});

test('a replica that stays dies before its file is edited, and comes back', { timeout: 180_000 }, async () => {
  let struck = false;
  fleet.around = async (effect, when) => {
    if (effect !== `openio.edit-peers/edit-${B}` || when !== 'before' || struck) return;
    struck = true;
    service(B).kill();
    setTimeout(() => service(B).restart(), 200);
  };
  const header = await fleet.run(move(), isOver);
  expect([header.state, header.error?.message]).toEqual(['succeeded', undefined]);
  expect(struck).toBe(true);
  expect(await wrongWith(fleet, 'c1', [B, C, D])).toEqual([]);
});

/** The disk of a service is gone, for as long as the file has another name. */
const hidden = (id: string) => `${service(id).file(base()).path}.away`;
const hide = (id: string) => {
  service(id).kill();
  renameSync(service(id).file(base()).path, hidden(id));
};

test('an old replica that comes back with what the others never had keeps its file', { timeout: 180_000 }, async () => {
  service(B).kill();
  // B misses two writes that A and C have acknowledged; then both are lost.
  for (const n of ['1', '2']) await ask(fleet, 0, 'POST', 'container/set_properties?acct=acct&ref=c1', { properties: { n } });
  hide(A);
  hide(C);
  service(B).restart();
  fleet.io.cluster.settings.electionTimeoutMs = 300;
  fleet.around = async (effect, when) => {
    if (effect !== 'openio.retire/elect' || when !== 'before' || service(A).alive) return;
    renameSync(hidden(A), service(A).file(base()).path);
    service(A).restart();
  };
  const header = await fleet.run(move(), isOver);
  expect((await planned()).join()).toContain(`only ${B} stays with data that can be seen`);
  expect([header.state, header.error?.message]).toEqual(['succeeded', undefined]);
  const { notes } = await fleet.service.report(header.id);
  expect(notes.map(({ text }) => text).join()).toContain(`the file of ${A} stays: it was moved with ${B} only`);
  expect(service(A).file(base()).admin.get('user.n')).toBe('2');
});

test('a host that is lost while files are edited does not leave the container frozen', { timeout: 180_000 }, async () => {
  fleet.around = async (effect, when) => {
    if (effect === `openio.edit-peers/edit-${C}` && when === 'before' && service(C).alive) hide(C);
  };
  const header = await fleet.run(move(), isOver);
  expect(header.state).toBe('failed');
  const guards = [...(await fleet.store.load(header.id))!.guards.values()].map(({ state }) => state);
  expect(guards).toEqual(['closed', 'closed']);
  expect((await ask(fleet, 0, 'POST', 'content/create?acct=acct&ref=c1&path=afterwards', [])).status).toBe(204);
  for (const id of [A, B]) expect(service(id).file(base()).admin.get('sys.peers')).toBe([A, B, C].join(','));
});

test('a container that somebody has frozen is left alone', async () => {
  await ask(fleet, 0, 'POST', `admin/freeze?cid=${base().slice(0, 64)}&type=meta2`, '');
  expect((await fleet.run(move())).error?.message).toContain('by somebody else');
});

/** On the machine, not ours. */
const SQLITE = 'sqlite3';

function hasSqlite(): boolean {
  try {
    execFileSync(SQLITE, ['--version']);
    return true;
  } catch {
    console.warn('the move over ssh is not tried: there is no sqlite3 here');
    return false;
  }
}

test.skipIf(!hasSqlite())('files on another host are edited over ssh, with known keys and nothing a shell could mistake', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'longshore-ssh-'));
  try {
    // Stands in for ssh: notes how it was called, and runs the command here as the other side would.
    const program = join(folder, 'ssh');
    writeFileSync(program, `#!/bin/sh\nprintf '%s\\n' "$*" >> '${folder}/calls'\nfor last in "$@"; do :; done\nexec sh -c "$last"\n`);
    chmodSync(program, 0o755);
    fleet.settings = { hosts: { '127.0.0.1': 'meta2.example' }, ssh: program };
    const header = await fleet.run(move());
    expect([header.state, header.error?.message]).toEqual(['succeeded', undefined]);
    expect(await wrongWith(fleet, 'c1', [B, C, D])).toEqual([]);
    const calls = readFileSync(join(folder, 'calls'), 'utf8');
    expect(calls.match(/^-o BatchMode=yes -o StrictHostKeyChecking=yes .* -T -- meta2\.example /gm)!.length).toBeGreaterThan(10);
    expect(calls).toContain('sqlite3 -batch -bail ');
    expect(calls).not.toContain('UPDATE');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
