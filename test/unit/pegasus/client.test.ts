/** The client against servers that are silent, do not lead, answer late, wrongly, or with words nobody knows. */
import { seededRandom, systemClock } from '@longshore/core';
import { silentLog } from '@longshore/host';
import { type PegasusCluster, pegasusCluster } from '@longshore/pegasus';
import { type PegasusStandIn, startPegasus } from '@longshore/sandbox';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

let server: PegasusStandIn;
let client: PegasusCluster;

const connect = (address: string): PegasusCluster =>
  pegasusCluster.connect(
    { name: address, system: 'pegasus', address, settings: {}, secrets: {} },
    { clock: systemClock, random: seededRandom(1), signal: new AbortController().signal, log: silentLog },
  );

beforeEach(async () => {
  server = await startPegasus({ name: 'onebox', metas: 3, dialect: '2.6', tables: [{ name: 'temp', partitions: 8, committed: 5 }] });
  client = connect(server.metas);
});
afterEach(async () => {
  await client[Symbol.asyncDispose]();
  await server.close();
});

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'none',
    (error: Error) => error.name,
  );

test('many calls are in flight on one connection, and each gets its own answer', async () => {
  server.faults.add('RPC_CM_LIST_NODES', { kind: 'delay', ms: 50 }, 1);
  const [nodes, table, info, config] = await Promise.all([client.nodes(), client.table('temp'), client.info(), client.config('temp')]);
  expect([nodes.length, table?.appName, info.name, config?.partitions.length]).toEqual([3, 'temp', 'onebox', 8]);
  expect(config?.hostPorts).toBe(true);
});

describe('the leader', () => {
  test('is found, wherever it is, and kept', async () => {
    server.state.leader = 2;
    expect((await client.info()).name).toBe('onebox');
    expect(client.leader).toBe(server.state.metas[2]);
    const before = server.calls.length;
    await client.info();
    expect(server.calls.slice(before).map(({ node }) => node)).toEqual([server.state.metas[2]]);
  });

  test('is told by the query of a configuration', async () => {
    server.state.leader = 1;
    expect((await client.config('temp'))?.appId).toBe(2);
    expect(client.leader).toBe(server.state.metas[1]);
  });

  test('that is silent is left for another; one that is dead at once', async () => {
    const [first = ''] = server.state.metas;
    server.faults.add(({ node }) => node === first, { kind: 'silent' }, 1);
    server.state.leader = 1;
    expect((await client.info()).name).toBe('onebox');
    await using other = connect(`127.0.0.1:1,${server.metas}`);
    expect((await other.info()).name).toBe('onebox');
  });

  test('alone gets a change, also when it has changed places', async () => {
    await client.info();
    server.state.leader = 2;
    await client.setEnv('temp', 'replica.deny_client_request', 'timeout*write');
    const changes = server.calls.filter(({ call }) => call === 'RPC_CM_UPDATE_APP_ENV');
    expect(changes.map(({ node }) => node)).toEqual([server.state.metas[2]]);
    expect(server.state.table('temp')?.envs.get('replica.deny_client_request')).toBe('timeout*write');
  });
});

describe('what comes back', () => {
  test.each([
    [{ kind: 'truncated' }, 'LSH_PEGASUS_MALFORMED'],
    [{ kind: 'oversized' }, 'LSH_PEGASUS_MALFORMED'],
    [{ kind: 'cut-after' }, 'LSH_PEGASUS_UNKNOWN'],
    [{ kind: 'cut-before' }, 'LSH_PEGASUS_UNKNOWN'],
    [{ kind: 'header-error', name: 'ERR_ACL_DENY' }, 'LSH_PEGASUS_RPC'],
    [{ kind: 'header-error', name: 'ERR_OF_TOMORROW' }, 'LSH_PEGASUS_RPC'],
    [{ kind: 'header-error', name: 'ERR_BUSY' }, 'LSH_PEGASUS_BUSY'],
    [{ kind: 'error', name: 'ERR_APP_DROPPED', hint: 'it is gone' }, 'LSH_PEGASUS_REFUSED'],
    [{ kind: 'error', name: 'ERR_UNDER_RECOVERY' }, 'LSH_PEGASUS_BUSY'],
  ] as const)('%o of a change is %s', async (fault, code) => {
    server.faults.add('RPC_CM_UPDATE_APP_ENV', fault, 1);
    expect(await codeOf(client.deleteEnv('temp', 'replica.deny_client_request'))).toBe(code);
    // The next call is on a link that is whole.
    expect((await client.info()).name).toBe('onebox');
  });

  test('a hint of the server is passed on', async () => {
    await expect(client.setEnv('temp', 'replica.deny_client_request', 'nope')).rejects.toThrow(/Invalid deny client args/);
    await expect(client.addDuplication('temp', 'nowhere')).rejects.toThrow(/failed to find cluster\[nowhere\]/);
  });

  test('what is not there is an answer, not an error', async () => {
    expect(await client.table('none')).toBeUndefined();
    expect(await client.config('none')).toBeUndefined();
    expect(await client.duplications('none')).toBeUndefined();
    await client.modifyDuplication('temp', 7, 'DS_REMOVED');
  });
});

test('a duplication from beginning to end, by what the servers tell', async () => {
  await using target = await startPegasus({ name: 'onebox2' });
  server.state.neighbours.set('onebox2', target.state);
  const { dupid, err } = await client.addDuplication('temp', 'onebox2');
  expect(err).toBe('ERR_OK');
  expect((await client.addDuplication('temp', 'onebox2')).err).toBe('ERR_DUP_EXIST');
  expect((await client.duplications('temp'))?.map((one) => [one.dupid, one.status, one.partitionStates?.size])).toEqual([
    [dupid, 'DS_PREPARE', 8],
  ]);
  await client.modifyDuplication('temp', dupid, 'DS_REMOVED');
  expect(await client.duplications('temp')).toEqual([]);
});
