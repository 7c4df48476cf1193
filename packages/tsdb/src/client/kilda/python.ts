/**
 * Numbers and texts as the Python programs of the kilda tools write and read them: `repr` of floats, strings and dicts, the
 * number that `json.loads` makes of a text, and `json.dumps` with its blanks and its ASCII.
 */

/** `repr` of a float: the shortest digits that read back; an exponent below 1e-4 and from 1e16 on, of two digits at least. */
export function floatRepr(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  const [, sign = '', digits = '', power = ''] = /^(-?)([\d.]+)e([+-]\d+)$/.exec(value.toExponential()) ?? [];
  const exponent = Number(power);
  if (exponent < -4 || exponent >= 16) return `${sign}${digits}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
  const bare = digits.replace('.', '');
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${bare}`;
  const whole = bare.slice(0, exponent + 1).padEnd(exponent + 1, '0');
  return `${sign}${whole}.${bare.slice(exponent + 1) || '0'}`;
}

/**
 * The number in a dump: an integer wherever a double is one, else the shortest float. Integers a double cannot hold become the
 * nearest double, written as a float.
 */
export function dumpedNumber(text: string): string {
  const value = Number(text);
  if (/^-?\d+$/.test(text)) return Number.isFinite(value) && BigInt(value) === BigInt(text) ? String(BigInt(text)) : floatRepr(value);
  return Number.isInteger(value) ? String(BigInt(value)) : floatRepr(value);
}

/** Python shows these as they are; anything else of the categories C and Z is escaped. */
const UNPRINTABLE = /[\p{C}\p{Z}]/u;

function escaped(char: string, quote: string): string {
  if (char === quote || char === '\\') return `\\${char}`;
  if (char === '\n') return '\\n';
  if (char === '\r') return '\\r';
  if (char === '\t') return '\\t';
  if (char === ' ' || !UNPRINTABLE.test(char)) return char;
  const code = char.codePointAt(0) ?? 0;
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, '0')}`;
  return code < 0x10000 ? `\\u${code.toString(16).padStart(4, '0')}` : `\\U${code.toString(16).padStart(8, '0')}`;
}

/** `repr` of a string: in single quotes, in double ones when it holds a single one and no double one. */
export function textRepr(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  let inner = '';
  for (const char of text) inner += escaped(char, quote);
  return `${quote}${inner}${quote}`;
}

/** `repr` of a dict of strings. */
export function tagsRepr(tags: Iterable<readonly [string, string]>): string {
  return `{${[...tags].map(([key, value]) => `${textRepr(key)}: ${textRepr(value)}`).join(', ')}}`;
}

const SIMPLE: Readonly<Record<string, string>> = {
  '\\': '\\',
  "'": "'",
  '"': '"',
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\n': '',
};
const LONG: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };

/** Reads a dict of strings as Python writes it; undefined for anything else. */
export function parseTagsRepr(source: string): [string, string][] | undefined {
  let at = 0;
  const space = (): void => {
    while (source[at] === ' ') at++;
  };
  const text = (): string | undefined => {
    const quote = source[at];
    if (quote !== "'" && quote !== '"') return undefined;
    let found = '';
    for (at++; at < source.length; at++) {
      const char = source[at]!;
      if (char === quote) {
        at++;
        return found;
      }
      if (char !== '\\') {
        found += char;
        continue;
      }
      const kind = source[++at] ?? '';
      const digits = LONG[kind];
      if (digits !== undefined) {
        const code = source.slice(at + 1, at + 1 + digits);
        if (code.length !== digits || !/^[\da-fA-F]+$/.test(code) || Number.parseInt(code, 16) > 0x10ffff) return undefined;
        found += String.fromCodePoint(Number.parseInt(code, 16));
        at += digits;
      } else if (/[0-7]/.test(kind)) {
        const octal = /^[0-7]{1,3}/.exec(source.slice(at))![0];
        found += String.fromCharCode(Number.parseInt(octal, 8));
        at += octal.length - 1;
      } else if (Object.hasOwn(SIMPLE, kind)) found += SIMPLE[kind];
      else found += `\\${kind}`;
    }
    return undefined;
  };

  const tags: [string, string][] = [];
  space();
  if (source[at++] !== '{') return undefined;
  for (space(); source[at] !== '}'; space()) {
    if (tags.length > 0) {
      if (source[at++] !== ',') return undefined;
      space();
      if (source[at] === '}') break;
    }
    const key = text();
    space();
    if (key === undefined || source[at++] !== ':') return undefined;
    space();
    const value = text();
    if (value === undefined) return undefined;
    tags.push([key, value]);
  }
  at++;
  space();
  return at === source.length ? tags : undefined;
}

/** A JSON string in ASCII, as `json.dumps` writes it. */
export function asciiJson(text: string): string {
  return JSON.stringify(text).replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
