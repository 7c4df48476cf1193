/**
 * Tokens of the API: `lsh_<name>.<secret>`, the secret being 256 random bits in base64url. The store has the SHA-256 of the whole; a
 * plain hash is enough for what nobody can guess. The name in it says where to look, and grants nothing.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { AccessRole, TokenRecord } from '@longshore/core';

const SECRET_BYTES = 32;
const TOKEN = /^lsh_([\w.@+-]{1,64})\.[\w-]{43}$/;

/** What a token, and whoever uses it, may be called. */
export const TOKEN_NAME: RegExp = /^[\w.@+-]{1,64}$/;

export interface NewToken {
  name: string;
  role: AccessRole;
  createdBy: string;
  createdAt: number;
  expiresAt?: number;
}

/** The token, to be shown once, and its record for the store. */
export function mintToken(wanted: NewToken): { token: string; record: TokenRecord } {
  const token = `lsh_${wanted.name}.${randomBytes(SECRET_BYTES).toString('base64url')}`;
  return { token, record: { ...wanted, hash: hashOf(token).toString('hex') } };
}

/** The name in a token; undefined when it has not a token's form. */
export function nameInToken(token: string): string | undefined {
  return TOKEN.exec(token)?.[1];
}

/** Whether this is the token of that record, and still good. Takes as long whatever differs. */
export function isTokenOf(token: string, record: TokenRecord, now: number): boolean {
  const stored = Buffer.from(record.hash, 'hex');
  const given = hashOf(token);
  const same = stored.length === given.length && timingSafeEqual(stored, given);
  return same && (record.expiresAt === undefined || now < record.expiresAt);
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
