import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32, deflateRawSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { cacheDirectory, publishDirectory } from '../src/index.ts';
import { readZipMember } from '../src/zip.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'unpack-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

test('the cache is where the environment says, in the order of the documentation', () => {
  expect(cacheDirectory({ LONGSHORE_CACHE: '/a', XDG_CACHE_HOME: '/b', HOME: '/c' })).toBe('/a');
  expect(cacheDirectory({ XDG_CACHE_HOME: '/b', HOME: '/c' })).toBe('/b/longshore');
  expect(cacheDirectory({ HOME: '/c' })).toBe('/c/.cache/longshore');
});

describe('publishing a directory', () => {
  test('of several at once one wins whole, and no other leaves anything', async () => {
    const target = join(dir, 'program');
    const fill = (name: string) => async (temporary: string) => {
      await writeFile(join(temporary, 'one'), name);
      await writeFile(join(temporary, 'two'), name);
    };
    await Promise.all(['a', 'b', 'c', 'd'].map((name) => publishDirectory(target, fill(name))));
    expect(await readdir(dir)).toEqual(['program']);
    expect(await readFile(join(target, 'one'), 'utf8')).toBe(await readFile(join(target, 'two'), 'utf8'));
  });

  test('that fails half-way leaves nothing', async () => {
    const half = publishDirectory(join(dir, 'program'), async (temporary) => {
      await writeFile(join(temporary, 'one'), 'x');
      throw new Error('the network went away');
    });
    await expect(half).rejects.toThrow('the network went away');
    expect(await readdir(dir)).toEqual([]);
  });

  test('does nothing when it is there, and clears what the dead have left', async () => {
    const target = join(dir, 'program');
    await mkdir(`${target}.999999999-abcd.unpacking`);
    await mkdir(`${target}.${process.pid}-abcd.unpacking`);
    await publishDirectory(target, async (temporary) => writeFile(join(temporary, 'one'), 'first'));
    await publishDirectory(target, async () => Promise.reject(new Error('must not be called')));
    expect(existsSync(`${target}.999999999-abcd.unpacking`)).toBe(false);
    expect(existsSync(`${target}.${process.pid}-abcd.unpacking`)).toBe(true);
  });
});

/** A zip archive written by hand: APPNOTE.TXT 4.3. */
function zip(members: { name: string; content: Buffer; deflate: boolean }[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, content, deflate } of members) {
    const packed = deflate ? deflateRawSync(content) : content;
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(deflate ? 8 : 0, 4);
    common.writeUInt32LE(crc32(content), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(content.length, 18);
    common.writeUInt16LE(name.length, 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), common, Buffer.from(name), packed]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(offset, 10);
    directory.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x00'), common, tail, Buffer.from(name)]));
    parts.push(local);
    offset += local.length;
  }
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(members.length, 10);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, ...directory, end]);
}

describe('a member of a zip archive', () => {
  const content = Buffer.from('a longshoreman carries crates '.repeat(500));
  const archive = zip([
    { name: 'first', content: Buffer.from('x'), deflate: false },
    { name: 'bin/program', content, deflate: true },
  ]);

  test('is read, stored or deflated', () => {
    expect(readZipMember(archive, 'first').toString()).toBe('x');
    expect(readZipMember(archive, 'bin/program').equals(content)).toBe(true);
  });

  test('is refused when it is damaged, missing, or the archive is none', () => {
    const damaged = Buffer.from(archive);
    damaged[30 + 'first'.length] = 0x79;
    expect(() => readZipMember(damaged, 'first')).toThrow('damaged');
    expect(() => readZipMember(archive, 'second')).toThrow('no second');
    expect(() => readZipMember(Buffer.from('not a zip archive at all'), 'first')).toThrow('not a zip archive');
  });
});
