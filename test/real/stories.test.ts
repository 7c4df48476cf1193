/** The story of an operation, submit → plan → approve → watch → pause → resume → report, as a person types it: by command and by curl. */
import { execFile, spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { AuditEntry, OperationHeader, Report, StoredPlan } from '@longshore/core';
import { EXIT } from '@longshore/core';
import { freePort } from '@longshore/programs';
import { startCounterService } from '@longshore/sandbox';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { realServer } from '../servers/real.ts';
import { command, type Run } from '../support/command.ts';
import { type Fleet, startFleet } from '../support/fleet.ts';

const redis = await realServer('redis', { own: true });
const hasCurl = spawnSync('curl', ['--version']).status === 0;
if (!hasCurl) process.stderr.write('NOT TESTED: there is no curl on this machine\n');

const STEP_MS = 400;
const waits = ({ endedAt, state }: OperationHeader): boolean => endedAt !== undefined || state === 'awaiting-approval';

describe.skipIf(!redis.there)(`stories${redis.there ? '' : ` (${redis.reason})`}`, () => {
  let dir: string;
  let fleet: Fleet;
  let url: string;

  beforeAll(async () => {
    if (!redis.there) throw new Error(redis.reason);
    dir = await mkdtemp(join(tmpdir(), 'longshore-stories-'));
    const listen = `127.0.0.1:${await freePort()}`;
    url = `http://${listen}`;
    const targets = { 'counters-old': { system: 'counter', address: 'http://127.0.0.1:1' } };
    fleet = await startFleet({ dir, redisUrl: redis.url, dumpers: 0, restorers: 0, migrators: 1, sweepMs: 500, listen, targets });
  });
  afterAll(async () => {
    await fleet?.stop();
    if (redis.there) await redis.stop();
    if (dir) await rm(dir, { recursive: true, force: true });
  });

  const type = (line: string, ...more: string[]): Promise<Run> => command(...line.split(' '), ...more, '--api', url);
  const become = (id: string, state: string): Promise<OperationHeader> =>
    fleet.finished(id, (header) => header.endedAt !== undefined || header.state === state);

  test('by command', async () => {
    await using source = await startCounterService({ fenced: true, counters: { hits: 100 } });
    await using sink = await startCounterService({ fenced: true });
    const move = `counter move --source ${source.url} --sink ${sink.url} --counters hits --pause ${STEP_MS}ms --approvals cutover`;

    const wrong = await type('counter move --source x');
    expect([wrong.code, wrong.out]).toEqual([EXIT.usage, '']);
    expect(wrong.err).toContain('The flag --sink is missing');

    const planned = await type(`${move} --plan`);
    expect(planned.code).toBe(EXIT.done);
    expect(planned.out).toContain('asks before it begins');
    expect(planned.err).toContain('Nothing has been changed');
    expect(source.store.effectsOf('hits')).toEqual([]);
    const id = /op_\w+/.exec(planned.err)![0];
    const [plan] = (await type(`plan ${id} --json`)).json<StoredPlan>();
    expect(plan?.stages.some(({ approval }) => approval !== undefined)).toBe(true);

    expect((await type(`start ${id} --detach`)).code).toBe(EXIT.done);
    const watching = type(`watch ${id} --json`);
    await become(id, 'running');
    expect((await type(`pause ${id}`)).code).toBe(EXIT.done);
    await become(id, 'paused');
    expect((await type(`explain ${id}`)).out).toContain(`Next: \`longshore resume ${id}\``);
    expect((await type(`resume ${id}`)).code).toBe(EXIT.done);
    for (let header = await fleet.finished(id, waits); header.endedAt === undefined; header = await fleet.finished(id, waits)) {
      expect((await type(`explain ${id}`)).out).toMatch(/waited for a person to agree to:[\s\S]*Next: `longshore approve/);
      expect((await type(`approve ${id} --reason`, 'agreed with the team')).code).toBe(EXIT.done);
      await fleet.finished(id, ({ endedAt, state }) => endedAt !== undefined || state !== 'awaiting-approval');
    }
    const watched = await watching;
    expect(watched.code).toBe(EXIT.done);
    expect(watched.json<{ type: string }>().at(-1)).toMatchObject({ type: 'end', state: 'succeeded', exitCode: 0 });
    expect(sink.store.view('hits')).toMatchObject({ value: 100 });

    const [report] = (await type(`report ${id} --json`)).json<Report>();
    expect(report?.rows.map(({ row }) => row)).toEqual(['hits']);
    expect((await type(`report ${id}`)).out).toContain(`${id} succeeded`);
    expect((await type('ops --search', sink.url)).out).toContain(id);
    expect((await type(`ops --kind counter. --json`)).json<OperationHeader>().map((header) => header.id)).toContain(id);
    expect((await type(`show ${id} --events`)).out).toContain('pause asked by');
    expect((await type(`journal ${id} --json`)).json().length).toBeGreaterThan(0);
    const entries = (await type(`audit --operation ${id} --json`)).json<AuditEntry>().map(({ what }) => what);
    for (const what of ['operation.submit', 'operation.start', 'operation.pause', 'operation.resume', 'operation.approve'])
      expect(entries).toContain(what);
    expect((await type('targets')).out).toMatch(/counters-old +counter +counter\.move/);
    expect((await type('kinds')).out).toContain('counter.move');
    expect((await type('workers')).out).toContain('migrator');
    expect((await type(`pause ${id}`)).code).toBe(EXIT.refused);
  });

  test('by a file, which is done once however often it is applied', async () => {
    const file = join(dir, 'noop.yaml');
    await writeFile(file, 'kind: counter.noop\nreason: from a file\nparams: { tasks: 3, pauseMs: 1ms, bulk: false }\n');
    const planned = await type(`apply -f ${file} --plan`);
    expect([planned.code, planned.err]).toEqual([EXIT.done, expect.stringContaining('Nothing has been changed')]);
    const first = await type(`apply -f ${file} --json`);
    expect(first.code).toBe(EXIT.done);
    const [begun] = first.json<{ id: string }>();
    const again = await type(`apply -f ${file}`);
    expect([again.code, again.err]).toEqual([EXIT.done, expect.stringContaining(`submitted before, as ${begun!.id}: it is succeeded`)]);
    const anew = await type(`apply -f ${file} --again --json`);
    expect(anew.json<{ id: string }>()[0]?.id).not.toBe(begun!.id);
    await writeFile(file, 'kind: counter.noop\nparams: { tasks: 3, puase: 1 }\n');
    const refused = await type(`apply -f ${file}`);
    expect([refused.code, refused.err]).toEqual([EXIT.usage, expect.stringContaining('"puase"')]);
  });

  test.skipIf(!hasCurl)(`by curl${hasCurl ? '' : ' (NOT TESTED: there is no curl on this machine)'}`, async () => {
    await using source = await startCounterService({ fenced: true, counters: { hits: 7 } });
    await using sink = await startCounterService({ fenced: true });
    const curl = async (...args: string[]): Promise<string> => (await promisify(execFile)('curl', ['-sS', ...args])).stdout;
    const at = `${url}/v1/operations`;
    const json = ['-H', 'content-type: application/json', '-d'];
    const params = { source: source.url, sink: sink.url, counters: ['hits'], pauseMs: STEP_MS };
    const body = JSON.stringify({ kind: 'counter.move', mode: 'plan', approvals: 'cutover', params });
    const submit = (): Promise<string> => curl(at, '-H', 'idempotency-key: story', ...json, body);
    const { id } = JSON.parse(await submit()) as { id: string };
    expect(JSON.parse(await submit())).toEqual({ id, created: false });
    await become(id, 'planned');
    const plan = JSON.parse(await curl(`${at}/${id}/plan`)) as StoredPlan;
    expect(plan.summary.length).toBeGreaterThan(0);
    expect(source.store.effectsOf('hits')).toEqual([]);

    // Followed from its first line; cut off after the first few, and resumed behind them.
    const some = await curl('-N', `${at}/${id}/events?follow=false`);
    const last = [...some.matchAll(/^id: (.+)$/gm)].at(-1)![1]!;
    const stream = spawn('curl', ['-sSN', `${at}/${id}/events`, '-H', `last-event-id: ${last}`], { stdio: ['ignore', 'pipe', 'inherit'] });
    let followed = '';
    stream.stdout.on('data', (chunk: Buffer) => (followed += chunk.toString()));
    const streamed = new Promise((resolve) => stream.once('close', resolve));

    const status = (path: string, ...more: string[]): Promise<string> =>
      curl('-o', join(dir, 'answer'), '-w', '%{http_code}', '-X', 'POST', `${at}/${id}/${path}`, ...more);
    expect(await status('start')).toBe('202');
    // At once: nothing of it has begun, and nothing is to.
    expect(await status('pause')).toBe('202');
    await become(id, 'paused');
    expect(await status('resume')).toBe('202');
    for (let header = await fleet.finished(id, waits); header.endedAt === undefined; header = await fleet.finished(id, waits)) {
      expect(await status('approve', ...json, '{"reason":"agreed"}')).toBe('202');
      await fleet.finished(id, ({ endedAt, state }) => endedAt !== undefined || state !== 'awaiting-approval');
    }
    await streamed;
    expect(followed).toMatch(/event: end\ndata: {"state":"succeeded"}/);
    expect(followed).not.toContain(`id: ${last}\n`);
    const all = [...(await curl(`${at}/${id}/events?follow=false`)).matchAll(/^id: (.+)$/gm)].map(([, one]) => one);
    const seen = [...some.matchAll(/^id: (.+)$/gm), ...followed.matchAll(/^id: (.+)$/gm)].map(([, one]) => one);
    expect(seen).toEqual(all);
    const report = JSON.parse(await curl(`${at}/${id}/report`)) as Report;
    expect(report).toMatchObject({ state: 'succeeded', rows: [{ row: 'hits' }] });
    expect(await curl(`${at}/${id}/explain`)).toContain(`longshore report ${id}`);
    expect(await status('pause')).toBe('409');
  });

  test('a plan whose target has changed since is refused by name, and nothing is changed', async () => {
    await using source = await startCounterService({ fenced: true, counters: { hits: 1 } });
    await using sink = await startCounterService({ fenced: true });
    const planned = await type(`counter move --source ${source.url} --sink ${sink.url} --counters hits --plan`);
    const id = /op_\w+/.exec(planned.err)![0];
    sink.store.seed('hits', 9);
    const before = [source.store.effectsOf('hits').length, sink.store.effectsOf('hits').length];
    const started = await type(`start ${id} --json`);
    expect(started.code).toBe(EXIT.refused);
    const { header } = await fleet.service.get(id);
    expect(header).toMatchObject({ state: 'planned', error: { code: 'LSH_PLAN_STALE' } });
    expect([source.store.effectsOf('hits').length, sink.store.effectsOf('hits').length]).toEqual(before);
  });

  test('an approval that has run out is asked for again by name, and nothing is begun meanwhile', async () => {
    await using source = await startCounterService({ fenced: true, counters: { hits: 1 } });
    await using sink = await startCounterService({ fenced: true });
    const move = `counter move --source ${source.url} --sink ${sink.url} --counters hits --pause ${STEP_MS}ms --approvals cutover`;
    const id = (await type(`${move} --detach`)).out.trim();
    const { stages } = await fleet.finished(id, ({ state }) => state === 'running');
    const { stages: specs } = await fleet.service.plan(id);
    const cutover = specs.find(({ approval }) => approval !== undefined)!.name;
    expect(stages.map(({ name }) => name)).toContain(cutover);
    expect((await type(`approve ${id} --stage ${cutover} --for 1ms --reason early`)).code).toBe(EXIT.done);
    const header = await fleet.finished(id, waits);
    expect(header.awaits?.expired).toMatchObject({ code: 'LSH_APPROVAL_EXPIRED', message: expect.stringContaining(cutover) });
    expect((await type(`explain ${id}`)).out).toContain('was good until');
    expect(source.store.effectsOf('hits')).toEqual([]);
    expect((await type(`cancel ${id}`)).code).toBe(EXIT.done);
    await fleet.finished(id);
  });
});
