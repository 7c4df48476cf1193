/** Series selectors. Names and values are quoted the Go way, so that any Unicode, quote, backslash or dot is safe. */

/** Label filters beside the name; equality only. */
export type Matchers = Readonly<Record<string, string>>;

/** `{__name__="kilda.a",host="h1"}` for `match[]` and queries. */
export function selector(metric: string, matchers: Matchers = {}): string {
  const parts = [`__name__=${quoted(metric)}`];
  for (const [name, value] of Object.entries(matchers)) parts.push(`${labelName(name)}=${quoted(value)}`);
  return `{${parts.join(',')}}`;
}

/** A double-quoted string with the escapes both MetricsQL and Go know. */
function quoted(text: string): string {
  let out = '"';
  for (const char of text.toWellFormed()) {
    const code = char.codePointAt(0) ?? 0;
    if (char === '"' || char === '\\') out += `\\${char}`;
    else if (code < 0x20 || code === 0x7f) out += `\\x${code.toString(16).padStart(2, '0')}`;
    else out += char;
  }
  return `${out}"`;
}

/** Characters outside of a plain identifier are escaped with a backslash, as MetricsQL has it. */
function labelName(name: string): string {
  return name.replace(/[^A-Za-z0-9_:\u0080-\u{10ffff}]/gu, (char) => `\\${char}`);
}
