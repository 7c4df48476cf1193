/** What goes over the wire, both ways: JSON as brpc has it, answers with fields left out, and what an answer that is none comes to. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { systemClock } from '@longshore/core';
import { describe, expect, test } from 'vitest';
import { type Call, CodeError, callServer } from '../src/client/brpc.ts';
import { CODES, codeName } from '../src/client/codes.ts';
import { clusterIdentity, parseCluster } from '../src/client/directory.ts';
import { formatJson, parseJson } from '../src/client/json.ts';
import { type General, general, ops, settings, statuses, tables, tablets } from '../src/client/wire.ts';

describe('JSON', () => {
  test('64-bit numbers come and go digit for digit', () => {
    const text = '{"offset":18446744073709551615,"small":7,"half":0.5,"big":1e300}';
    expect(parseJson(text)).toEqual({ offset: 18446744073709551615n, small: 7, half: 0.5, big: 1e300 });
    expect(formatJson({ op_id: 9007199254740993n, pid: 0, list: [1n] })).toBe('{"op_id":9007199254740993,"pid":0,"list":[1]}');
  });
});

describe('answers', () => {
  test('what is absent has the default of the proto', () => {
    const answer = tables.parse(
      parseJson(
        '{"code":0,"table_info":[{"name":"t","tid":3,"table_partition":[{"pid":0,"partition_meta":[{"endpoint":"a:1","is_leader":true}]}]}]}',
      ),
    );
    expect(answer).toMatchObject({ msg: '', table_info: [{ db: '', storage_mode: 'kMemory', replica_num: 0 }] });
    const [partition] = answer.table_info[0]!.table_partition;
    expect(partition).toMatchObject({ term_offset: [], record_cnt: 0n, partition_meta: [{ is_alive: true, tablet_has_partition: true }] });
    expect(partition!.partition_meta[0]!.offset).toBeUndefined();
    expect(tablets.parse({ code: 0 }).tablets).toEqual([]);
    expect(settings.parse({ code: 0 }).conf).toEqual([]);
    expect(statuses.parse({ all_table_status: [{ tid: 1 }] }).all_table_status).toMatchObject([
      { pid: 0, offset: 0n, mode: 'kTableLeader', state: 'kTableUndefined' },
    ]);
  });

  test('an op of a whole table, and one with a larger id than a double can hold', () => {
    const row = '{"op_id":9007199254740993,"op_type":"kDeployOP","status":"kDoing","pid":4294967295}';
    expect(ops.parse(parseJson(`{"code":0,"op_status":[${row}]}`)).op_status).toMatchObject([
      { op_id: 9007199254740993n, pid: 4294967295, start_time: 0n, db: '', task_type: '' },
    ]);
  });

  test('every code has a name, and one that nobody knows says so', () => {
    expect(Object.values(CODES).filter((name) => name === '')).toEqual([]);
    expect([codeName(300), codeName(-1), codeName(12345)]).toEqual(['nameserver is not leader', 'error', 'unknown code']);
  });
});

test('an address names a cluster, whatever the order of its servers', () => {
  const identity = (address: string): string => clusterIdentity(parseCluster(address));
  expect(identity('openmldb://b:2181,a:2181/root/')).toBe(identity('openmldb://a:2181,b:2181/root'));
  for (const address of ['openmldb://a:2181', 'openmldb:///root', 'openmldb://a:2181/'])
    expect(() => parseCluster(address)).toThrow(/is no address/);
});

describe('a call', () => {
  interface Asked {
    path: string | undefined;
    authorization: string | undefined;
    body: string;
  }

  /** One call at a server that does as it is told. */
  async function called(
    answer: (response: ServerResponse) => void,
    more: Partial<Call<General>> = {},
  ): Promise<{ asked: Asked[]; got: unknown }> {
    const asked: Asked[] = [];
    const server = createServer(async (request: IncomingMessage, response) => {
      let body = '';
      for await (const chunk of request) body += String(chunk);
      asked.push({ path: request.url, authorization: request.headers.authorization, body });
      answer(response);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const call: Call<General> = {
        service: 'NameServer',
        method: 'CancelOP',
        body: { op_id: 9007199254740993n },
        answer: general,
        what: 'try it',
        ...more,
      };
      const deps = { clock: systemClock, signal: new AbortController().signal, authorization: 'sdefault' };
      const got = await callServer(`127.0.0.1:${(server.address() as AddressInfo).port}`, call, deps).catch((error: unknown) => error);
      return { asked, got };
    } finally {
      server.closeAllConnections();
      server.close();
    }
  }
  const says = (status: number, text: string) => (response: ServerResponse) => void response.writeHead(status).end(text);
  const cut = (response: ServerResponse): void => void response.destroy();

  test('is a POST with the credentials and plain numbers', async () => {
    const { asked, got } = await called(says(200, '{"code":0,"msg":"ok"}'));
    expect(asked).toEqual([{ path: '/NameServer/CancelOP', authorization: 'sdefault', body: '{"op_id":9007199254740993}' }]);
    expect(got).toMatchObject({ code: 0 });
  });

  test('that is refused with 200 is refused', async () => {
    const { got } = await called(says(200, '{"code":312,"msg":"op status is not kDoing or kInited"}'));
    expect(got).toBeInstanceOf(CodeError);
    expect(got).toMatchObject({ code: 312 });
  });

  test.each([
    ['a 401', says(401, ''), 'LSH_OPENMLDB_DENIED'],
    ['a 404', says(404, ''), 'LSH_OPENMLDB_NO_METHOD'],
    ['a 400', says(400, 'bad'), 'LSH_OPENMLDB_ANSWER'],
    ['half an answer', says(200, '{"code":'), 'LSH_OPENMLDB_UNKNOWN'],
    ['a 503, before its handler', says(503, ''), 'LSH_OPENMLDB_UNANSWERED'],
    ['a 500, in the middle', says(500, ''), 'LSH_OPENMLDB_UNKNOWN'],
    ['a cut connection', cut, 'LSH_OPENMLDB_UNKNOWN'],
  ])('that changes something, answered with %s, happens once', async (_name, answer, code) => {
    const { asked, got } = await called(answer, { changes: true });
    expect(got).toMatchObject({ code });
    expect(asked).toHaveLength(1);
  });

  test('that only reads is told what it got in place of an answer', async () => {
    expect((await called(says(200, '<html>'))).got).toMatchObject({ code: 'LSH_OPENMLDB_ANSWER' });
  });

  test('that only reads and gets no answer has no unknown outcome', async () => {
    expect((await called(cut)).got).toMatchObject({ code: 'LSH_OPENMLDB_UNANSWERED' });
  });
});
