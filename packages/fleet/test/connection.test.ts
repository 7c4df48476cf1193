import { expect, test } from 'vitest';
import { connect } from '../src/connection.ts';
import { respServer } from './resp-server.ts';

test('a connection that owes an answer too long is opened anew, and the command sent again', async () => {
  const asked: number[] = [];
  const server = await respServer({
    version: '7.0.0',
    settings: {},
    silent: (command, connection) => {
      if (command === 'get') asked.push(connection);
      return command === 'get' && connection < 3;
    },
  });
  const redis = connect(server.url, 50);
  try {
    expect(await redis.get('a')).toBe('OK');
    expect(asked).toEqual([1, 2, 3]);
  } finally {
    redis.disconnect();
    await server.close();
  }
});

test('an address that is none is refused at once', () => {
  expect(() => connect('ftp://h')).toThrow('"ftp://h" is no address of a Redis');
});
