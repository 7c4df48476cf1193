/** The body of a reply: content decoding, and a limit for what is held in memory at once. */

import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib';

const DECODED_CHUNK_BYTES = 128 * 1024;

/** Undoes `Content-Encoding`. Undefined: an encoding we cannot read. A stream that ends early fails with the decoder's error. */
export function decoded(raw: Readable, contentEncoding: string | undefined): Readable | undefined {
  let stream = raw;
  const encodings = (contentEncoding ?? '').split(',').map((name) => name.trim().toLowerCase());
  for (const encoding of encodings.reverse()) {
    if (encoding === '' || encoding === 'identity') continue;
    const decoder = decoderFor(encoding);
    if (decoder === undefined) return undefined;
    // The decoder's consumer sees the error of either side; pipeline only needs to be told that somebody does.
    pipeline(stream, decoder, () => undefined);
    stream = decoder;
  }
  return stream;
}

function decoderFor(encoding: string): (Readable & NodeJS.WritableStream) | undefined {
  const options = { chunkSize: DECODED_CHUNK_BYTES };
  switch (encoding) {
    case 'gzip':
    case 'x-gzip':
      return createGunzip(options);
    case 'deflate':
      return createInflate(options);
    case 'zstd':
      return createZstdDecompress(options);
    case 'br':
      return createBrotliDecompress(options);
    default:
      return undefined;
  }
}

/** All of a body. Undefined as soon as it is longer than `maxBytes`; the rest is then not read. */
export async function collected(body: AsyncIterable<Buffer>, maxBytes: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytes);
}
