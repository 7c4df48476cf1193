/**
 * JSON read in the plainest way, in one piece and without any code of ours: every number keeps its text, every object its pairs in their order,
 * doubled keys and all. NaN and Infinity may stand for numbers. Undefined for anything that is none.
 */
export type Naive =
  | { kind: 'object'; pairs: [key: string, raw: string, value: Naive][] }
  | { kind: 'list'; items: Naive[] }
  /** `raw`: between its quotes as it stands there. */
  | { kind: 'text'; text: string; raw: string }
  /** A number, `null`, `true`, `false`, or another word. */
  | { kind: 'word'; word: string };

class NotJson extends Error {}

const SPACE = /[ \t\n\r]*/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not stand in a string
const TEXT = /"((?:[^"\\\u0000-\u001f]|\\["\\/bfnrt]|\\u[\da-fA-F]{4})*)"/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: as above
const WORD = /[^\u0000-\u0020,[\]{}]+/y;

/** `words`: what may stand for a value apart from texts, lists and objects. `text`: bytes as latin1. */
export function naiveJson(text: string, words: (word: string, path: readonly string[]) => boolean): Naive | undefined {
  let at = 0;
  const path: string[] = [];
  const space = (): void => {
    SPACE.lastIndex = at;
    at += SPACE.exec(text)![0].length;
  };
  const expect = (char: string): void => {
    if (text[at] !== char) throw new NotJson();
    at++;
  };
  const string = (): { text: string; raw: string } => {
    TEXT.lastIndex = at;
    const found = TEXT.exec(text);
    if (found === null) throw new NotJson();
    at += found[0].length;
    const raw = found[1]!;
    const bytes = Buffer.from(raw, 'latin1');
    return { text: JSON.parse(`"${bytes.toString('utf8')}"`) as string, raw };
  };
  const value = (): Naive => {
    space();
    const char = text[at];
    if (char === '"') return { kind: 'text', ...string() };
    if (char === '[') {
      const items: Naive[] = [];
      at++;
      space();
      if (text[at] === ']') at++;
      else
        for (;;) {
          items.push(value());
          space();
          if (text[at] === ']') break;
          expect(',');
        }
      if (items.length > 0) at++;
      return { kind: 'list', items };
    }
    if (char === '{') {
      const pairs: [string, string, Naive][] = [];
      at++;
      space();
      if (text[at] === '}') at++;
      else
        for (;;) {
          space();
          const key = string();
          space();
          expect(':');
          path.push(key.raw);
          pairs.push([key.text, key.raw, value()]);
          path.pop();
          space();
          if (text[at] === '}') break;
          expect(',');
        }
      if (pairs.length > 0) at++;
      return { kind: 'object', pairs };
    }
    WORD.lastIndex = at;
    const word = WORD.exec(text)?.[0];
    if (word === undefined || !words(word, path)) throw new NotJson();
    at += word.length;
    return { kind: 'word', word };
  };
  try {
    const found = value();
    space();
    return at === text.length ? found : undefined;
  } catch (error) {
    if (error instanceof NotJson || error instanceof RangeError) return undefined;
    throw error;
  }
}
