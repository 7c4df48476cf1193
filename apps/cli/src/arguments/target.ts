/** Targets and spools as they are given on the command line. */
import { createHash } from 'node:crypto';
import { basename, resolve } from 'node:path';
import { BadSpool, BadTarget } from '../errors.ts';

const NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/;

/**
 * A target's name or http address. `host:port` is taken for `http://host:port`. Credentials are refused: an operation's parameters are
 * stored and shown. Throws `LSH_TARGET_INVALID`.
 */
export function parseTarget(flag: string, text: string): string {
  const address = parseAddress(flag, text, 'http');
  if (NAME.test(address)) return address;
  const shown = withoutUser(text.trim());
  if (!/^https?:\/\//i.test(address)) throw BadTarget({ flag, text: shown, why: 'it is neither a name nor an http address' });
  if (!URL.canParse(address)) throw BadTarget({ flag, text: shown, why: 'it cannot be read as an address' });
  return address;
}

/**
 * A target's name, or an address of any scheme; `host:port`, also several with commas, gets the given one. What the address must look like
 * is known to the system it belongs to. Throws `LSH_TARGET_INVALID`.
 */
export function parseAddress(flag: string, text: string, scheme: string): string {
  const given = text.trim();
  if (NAME.test(given)) return given;
  const shown = withoutUser(given);
  const address = /^[\w.-]+:\d+(,[\w.-]+:\d+)*(\/.*)?$/.test(given) ? `${scheme}://${given}` : given;
  const [, rest] = /^[a-z][a-z0-9+.-]*:\/\/(.+)$/i.exec(address) ?? [];
  if (rest === undefined) throw BadTarget({ flag, text: shown, why: `it is neither a name nor an address such as ${scheme}://host:port` });
  if (/^[^/?#]*@/.test(rest))
    throw BadTarget({
      flag,
      text: shown,
      why: 'an address here must not hold a password, since it is stored and shown; put it under `secrets` of a target in longshore.yaml',
    });
  return address.replace(/\/+$/, '');
}

function withoutUser(text: string): string {
  return text.replace(/\/\/[^@/]*@/, '//').replace(/^[^@/]*@/, '');
}

export interface SpoolArgument {
  name: string;
  /** Absolute, when the spool was given by its path. */
  path?: string;
}

/** A spool's name, or a directory: anything with a slash in it. One directory always gets the same name. */
export function parseSpool(text: string, cwd: string): SpoolArgument {
  if (NAME.test(text)) return { name: text };
  if (!text.includes('/')) throw BadSpool({ text, why: 'a name is made of lower-case letters, digits, - and _, a path has a slash' });
  const path = resolve(cwd, text);
  const stem = basename(path)
    .toLowerCase()
    .replace(/[^a-z0-9_-]+/g, '-')
    .replace(/^[-_]+/, '');
  const hash = createHash('sha256').update(path).digest('hex').slice(0, 6);
  return { name: `${stem.slice(0, 40) || 'spool'}-${hash}`, path };
}
