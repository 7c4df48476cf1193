/** What vtctld says, and what it stands for; what it leaves unsaid. */
import type { Target } from '@longshore/core';
import { seededRandom, systemClock } from '@longshore/core';
import { describe, expect, test } from 'vitest';
import { refusalOf } from '../../../packages/vitess/src/client/error-text.ts';
import { logLine } from '../../../packages/vitess/src/client/log-event.ts';
import { rowsOf } from '../../../packages/vitess/src/client/messages.ts';
import { VtctldClient } from '../../../packages/vitess/src/client/vtctld.ts';
import { startWorld } from './world.ts';

/** Texts of a real vtctld of Vitess 24, all with code 2. */
const TEXTS: [string, string, boolean][] = [
  [
    'LSH_VITESS_STREAMS_EXIST',
    'buildResharder: validateTargets: some streams already exist in the target shards, please clean them up and retry the command\nsome streams already exist in the target shards, please clean them up and retry the command',
    false,
  ],
  [
    'LSH_VITESS_NO_WORKFLOW',
    'failed to get workflow state for customer.nope workflow: no streams found in keyspace customer for nope',
    false,
  ],
  ['LSH_VITESS_NO_WORKFLOW', 'no streams found in keyspace customer for rs1_reverse', false],
  ['LSH_VITESS_COPYING', 'cannot switch traffic for workflow rs3 at this time: copy is still in progress', true],
  ['LSH_VITESS_WORKFLOW_ERROR', 'cannot switch traffic for workflow rs3 at this time: workflow has errors', false],
  ['LSH_VITESS_LAG', 'cannot switch traffic for workflow rs3 at this time: replication lag 1s is higher than allowed lag 0s', true],
  ['LSH_VITESS_FROZEN', 'cannot switch traffic for workflow rs3 at this time: workflow is frozen', false],
  [
    'LSH_VITESS_TABLETS',
    'cannot switch traffic for workflow rs3 at this time: could not refresh all of the tablets involved in the operation:\nzone1-101',
    true,
  ],
  ['LSH_VITESS_NOT_SWITCHED', 'cannot complete workflow because you have not yet switched all read and write traffic', false],
  ['LSH_VITESS_WRITES_SWITCHED', 'cannot delete workflow because you have already switched write traffic', false],
  [
    'LSH_VITESS_SERVING',
    'shard customer/-80 is still serving; cannot delete it; use EvenIfServing = true to delete anyway: while deleting 1 shards; please inspect the topo',
    false,
  ],
  ['LSH_VITESS_EXISTS', 'node already exists: /vitess/global/keyspaces/customer/Keyspace', false],
  ['LSH_VITESS_MISSING', "node doesn't exist: /vitess/global/keyspaces/customer/shards/nope/Shard", false],
  ['LSH_VITESS_MYSQL', 'rpc error: code = Unknown desc = error in connecting to mysql db with connection 0x0', true],
  ['LSH_VITESS_NO_PRIMARY', 'no primary found for shard customer/80-', false],
  ['LSH_VITESS_COMMAND', 'unknown command', false],
  ['LSH_VITESS_REFUSED', 'something that nobody has heard of', false],
];

test.each(TEXTS)('%s: %s', (code, text, retryable) => {
  const error = refusalOf(text, { what: 'do it', server: 'vt' });
  expect([error.code, error.data.retryable]).toEqual([code, retryable]);
  expect(error.message).not.toContain('\n');
});

test('a row is cut by its lengths, and NULL is no empty text', () => {
  const values = Buffer.from('abü').toString('base64');
  expect(rowsOf({ fields: ['a', 'b', 'c', 'd'].map((name) => ({ name })), rows: [{ lengths: ['2', '-1', '0', '2'], values }] })).toEqual([
    { a: 'ab', b: null, c: '', d: 'ü' },
  ]);
});

test('lines of a log are printed as Vitess prints them; what is for the console comes bare', () => {
  const time = { seconds: '1700000000', nanoseconds: 123_456_789 };
  const event = { time, file: 'reshard.go', line: '17', value: 'text' } as const;
  expect(logLine({ ...event, level: 'WARNING' })).toBe('W1114 22:13:20.123456 reshard.go:17] text\n');
  expect(logLine({ ...event, level: 'CONSOLE', value: 'text\n' })).toBe('text\n\n');
});

describe('a call', () => {
  const connect = (address: string, settings: Target['settings'] = {}): VtctldClient =>
    new VtctldClient(
      { name: 'vt', system: 'vitess', address, settings, secrets: {} },
      { clock: systemClock, random: seededRandom(1), signal: new AbortController().signal },
    );

  test('that a dead tablet keeps from being answered has a deadline', async () => {
    await using world = await startWorld();
    await using client = connect(world.vtctld.address, { readTimeoutMs: 50, changeTimeoutMs: 50 });
    world.vtctld.faults.order(/./, { kind: 'hang' });
    await expect(client.keyspaces()).rejects.toMatchObject({ code: 'LSH_VITESS_UNREACHABLE' });
    await expect(client.deleteWorkflow({ keyspace: 'customer', workflow: 'rs' })).rejects.toMatchObject({
      code: 'LSH_VITESS_UNKNOWN',
      data: { retryable: true },
    });
  });

  test('to nobody says so', async () => {
    await using client = connect('grpc://127.0.0.1:1', { readTimeoutMs: 500 });
    await expect(client.cells()).rejects.toMatchObject({ code: 'LSH_VITESS_UNREACHABLE' });
  });

  test('to what is no address is refused before it is made', () => {
    expect(() => connect('http://127.0.0.1:8080/path')).toThrow(/which is no gRPC address/);
  });

  test('is repeated when it only reads', async () => {
    await using world = await startWorld();
    await using client = connect(world.vtctld.address);
    const fault = world.vtctld.faults.order('GetKeyspaces', { kind: 'lost-before' }, 2);
    expect(await client.keyspaces()).toContain('customer');
    expect(fault.hits).toBe(2);
  });
});
