/** The stand-in of OpenMLDB reads and writes JSON with the traps of the real servers. */
import { describe, expect, test } from 'vitest';
import { BadRequest, type Fields, readMessage, writeMessage } from '../src/openmldb/json.ts';

const FIELDS: Fields = {
  name: { type: 'string', required: true },
  pid: { type: 'number' },
  is_alive: { type: 'bool' },
  pids: { type: 'numbers' },
};

describe('a request', () => {
  test('loses optional fields of the wrong type, and such that nobody knows, without a word', () => {
    expect(readMessage('{"name":"t","pid":"0","is_alive":"yes","pids":["1"],"ttl":0}', FIELDS)).toEqual({ name: 't' });
    expect(readMessage('{"name":"t","pid":0,"is_alive":false,"pids":[1,2]}', FIELDS)).toEqual({
      name: 't',
      pid: 0,
      is_alive: false,
      pids: [1, 2],
    });
  });

  test('is refused without a field it needs, or where that has the wrong type', () => {
    for (const text of ['', '{}', '{"name":7}', '[]', '{"name":']) expect(() => readMessage(text, FIELDS)).toThrow(BadRequest);
  });

  test('keeps numbers that a double cannot hold', () => {
    expect(readMessage('{"name":"t","pid":9007199254740993}', FIELDS)).toEqual({ name: 't', pid: 9007199254740993n });
  });
});

test('an answer leaves out what is not set and empty lists, and has plain numbers', () => {
  expect(writeMessage({ code: 0, msg: undefined, db: [], offset: 18446744073709551615n })).toBe('{"code":0,"offset":18446744073709551615}');
});
