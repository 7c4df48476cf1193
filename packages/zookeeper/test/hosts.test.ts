import { expect, test } from 'vitest';
import { parseHosts, ZooKeeperAddress } from '../src/index.ts';

test.each([
  [
    'zk1:2181,zk2:2182/root/',
    {
      hosts: [
        { host: 'zk1', port: 2181 },
        { host: 'zk2', port: 2182 },
      ],
      chroot: '/root',
    },
  ],
  [
    ' zk1 , 10.0.0.2:99 ',
    {
      hosts: [
        { host: 'zk1', port: 2181 },
        { host: '10.0.0.2', port: 99 },
      ],
      chroot: '',
    },
  ],
  ['zk:1/', { hosts: [{ host: 'zk', port: 1 }], chroot: '' }],
])('%s is understood', (text, ensemble) => {
  expect(parseHosts(text)).toEqual(ensemble);
});

test.each(['', '/root', 'a:1,,b:2', 'a:b', 'a:0', 'a:65536', '[::1]:2181', '::1', 'a b:1', 'a:1/x//y', 'a:1/../x'])(
  '"%s" is refused with the reason',
  (text) => {
    expect(() => parseHosts(text)).toThrow(expect.objectContaining({ name: ZooKeeperAddress.code }));
  },
);
