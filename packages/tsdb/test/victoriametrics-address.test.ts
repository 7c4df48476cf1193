import { describe, expect, it } from 'vitest';
import { SinkSettingsSchema, sinkAddress } from '../src/client/victoriametrics/address.ts';

describe('addresses', () => {
  it('of a single node have everything under one base', () => {
    const here = { base: 'http://vm:8428/prefix', path: '' };
    expect(sinkAddress('vm', 'http://vm:8428/prefix')).toEqual({
      kind: 'single',
      insert: here,
      select: here,
      remove: here,
      flush: [here],
      metrics: [here],
    });
  });

  it.each([['http://vm:8480/insert/0/prometheus'], ['http://vm:8480/insert/0/prometheus/'], ['http://vm:8481/select/0/prometheus']])(
    'of a cluster are derived from either side: %s',
    (address) => {
      expect(sinkAddress('vm', address)).toEqual({
        kind: 'cluster',
        tenant: '0',
        insert: { base: 'http://vm:8480/', path: '/insert/0/prometheus' },
        select: { base: 'http://vm:8481/', path: '/select/0/prometheus' },
        remove: { base: 'http://vm:8481/', path: '/delete/0/prometheus' },
        flush: [],
        metrics: [{ base: 'http://vm:8480/', path: '' }],
      });
    },
  );

  it('of a proxy keep port, prefix and credentials', () => {
    const address = sinkAddress('vm', 'https://user:pass@vmauth:8427/p/insert/12:7/prometheus');
    expect(address.insert).toEqual({ base: 'https://user:pass@vmauth:8427/p', path: '/insert/12:7/prometheus' });
    expect(address.select).toEqual({ base: 'https://user:pass@vmauth:8427/p', path: '/select/12:7/prometheus' });
  });

  it('take what is said of reading and of storage nodes', () => {
    const settings = { selectUrl: 'http://read:8481/select/0/prometheus', storageUrls: ['http://s1:8482', 'http://s2:8482'] };
    const address = sinkAddress('vm', 'http://write:8480/insert/0/prometheus', settings);
    expect(address.select.base).toBe('http://read:8481/');
    expect(address.remove.base).toBe('http://read:8481/');
    expect(address.flush.map(({ base }) => base)).toEqual(['http://s1:8482/', 'http://s2:8482/']);
    expect(address.metrics).toHaveLength(3);
  });

  it.each([
    ['nonsense', {}, 'not a URL'],
    ['ftp://vm', {}, 'neither http nor https'],
    ['http://vm:8480/insert/0', {}, 'must end in'],
    ['http://vm:8480/insert/0/prometheus/api/v1/import', {}, 'must end in'],
    ['http://vm:8480/insert/0/prometheus', { selectUrl: 'http://vm:8481/select/1/prometheus' }, 'tenant'],
  ])('are refused: %s', (address, settings, reason) => {
    expect(() => sinkAddress('vm', address, settings)).toThrow(reason);
  });

  it('never repeat a password', () => {
    expect(() => sinkAddress('vm', 'http://u:secret@vm:8480/insert/0')).toThrow(expect.not.stringContaining('secret'));
  });
});

describe('settings', () => {
  it('have defaults', () => {
    expect(SinkSettingsSchema.parse({})).toEqual({
      encoding: 'auto',
      readBack: 'auto',
      deadlineMs: 20_000,
      readDeadlineMs: 120_000,
      connections: 4,
    });
  });

  it.each([[{ encoding: 'gzip' }], [{ deadlineMs: 0 }], [{ connection: 4 }]])('refuse %j', (settings) => {
    expect(SinkSettingsSchema.safeParse(settings).success).toBe(false);
  });
});
