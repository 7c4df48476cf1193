/**
 * Reads members of a zip archive held in memory (APPNOTE.TXT 4.3: end record, central directory, local headers). Stored and
 * deflated members only; no zip64, no encryption, which wheels do not use.
 */
import { crc32, inflateRawSync } from 'node:zlib';

const END_RECORD = 0x06054b50;
const CENTRAL_ENTRY = 0x02014b50;
const LOCAL_HEADER = 0x04034b50;
/** A member larger than this is not one of ours: an inflated archive must not fill the memory. */
const MAX_MEMBER_BYTES = 256 * 1024 * 1024;

function endRecordOffset(archive: Buffer): number {
  for (let at = archive.length - 22; at >= Math.max(0, archive.length - 22 - 0xffff); at--) {
    if (archive.readUInt32LE(at) === END_RECORD) return at;
  }
  throw new Error('not a zip archive: it has no end record');
}

/** The bytes of the member called `name`. Throws when it is missing, damaged, or packed in a way not known here. */
export function readZipMember(archive: Buffer, name: string): Buffer {
  const end = endRecordOffset(archive);
  const entries = archive.readUInt16LE(end + 10);
  let at = archive.readUInt32LE(end + 16);
  for (let entry = 0; entry < entries; entry++) {
    if (archive.readUInt32LE(at) !== CENTRAL_ENTRY) throw new Error('the zip archive has a damaged directory');
    const nameLength = archive.readUInt16LE(at + 28);
    if (archive.toString('utf8', at + 46, at + 46 + nameLength) === name) return readMember(archive, at, name);
    at += 46 + nameLength + archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32);
  }
  throw new Error(`the zip archive has no ${name}`);
}

function readMember(archive: Buffer, entry: number, name: string): Buffer {
  const method = archive.readUInt16LE(entry + 10);
  const checksum = archive.readUInt32LE(entry + 16);
  const packedBytes = archive.readUInt32LE(entry + 20);
  const bytes = archive.readUInt32LE(entry + 24);
  const header = archive.readUInt32LE(entry + 42);
  if (bytes > MAX_MEMBER_BYTES) throw new Error(`${name} in the zip archive is too large (${bytes} bytes)`);
  if (archive.readUInt32LE(header) !== LOCAL_HEADER) throw new Error(`${name} in the zip archive has no header`);
  const start = header + 30 + archive.readUInt16LE(header + 26) + archive.readUInt16LE(header + 28);
  const packed = archive.subarray(start, start + packedBytes);
  let content: Buffer;
  if (method === 0) content = packed;
  else if (method === 8) content = inflateRawSync(packed, { maxOutputLength: MAX_MEMBER_BYTES });
  else throw new Error(`${name} in the zip archive is packed by method ${method}, which is not known here`);
  if (content.length !== bytes || crc32(content) !== checksum) throw new Error(`${name} in the zip archive is damaged`);
  return content;
}
