/** YAML checked against a schema, with the line and column of what is wrong. */
import { problemOf } from '@longshore/operations';
import type { Document } from 'yaml';
import { isMap, isNode, isScalar, LineCounter, parseAllDocuments } from 'yaml';
import type { z } from 'zod';

/** Every document of a text (`---` separates them). `refuse` makes the error of a sentence that says where and what. */
export function readYaml<T>(text: string, schema: z.ZodType<T>, refuse: (problem: string) => Error): T[] {
  const lines = new LineCounter();
  const documents = [parseAllDocuments(text, { lineCounter: lines })].flat() as Document.Parsed[];
  return documents.map((document) => readDocument(document, lines, schema, refuse));
}

/** One document; an empty text is one that is empty. */
export function readOneYaml<T>(text: string, schema: z.ZodType<T>, refuse: (problem: string) => Error): T {
  const [first, second] = readYaml(text, schema, refuse);
  if (second !== undefined) throw refuse('it has several documents, with --- between them; one is wanted');
  if (first !== undefined) return first;
  const parsed = schema.safeParse({});
  if (parsed.success) return parsed.data;
  throw refuse(parsed.error.issues[0]?.message ?? 'it is empty');
}

function readDocument<T>(document: Document.Parsed, lines: LineCounter, schema: z.ZodType<T>, refuse: (problem: string) => Error): T {
  const at = (offset: number | undefined): string => {
    if (offset === undefined) return '';
    const { line, col } = lines.linePos(offset);
    return `line ${line}, column ${col}: `;
  };
  const broken = document.errors[0];
  // The library says the place once more at the end.
  if (broken) throw refuse(at(broken.pos[0]) + (broken.message.split('\n')[0] ?? '').replace(/ at line \d+, column \d+:?$/, ''));
  const parsed = schema.safeParse(document.toJS() ?? {});
  if (parsed.success) return parsed.data;
  const { issues } = parsed.error;
  // What is misspelt is missing, too; the person has to look at the spelling.
  const issue = issues.find(({ code }) => code === 'unrecognized_keys') ?? issues[0]!;
  const path = issue.path.map(String);
  let key: string | undefined;
  let what = issue.message;
  if (issue.code === 'unrecognized_keys') {
    key = issue.keys[0]!;
    path.push(key);
    what = 'there is no such setting';
  } else if (issue.code === 'invalid_key') {
    key = path.at(-1);
    what = issue.issues[0]?.message ?? what;
  }
  const offset = key === undefined ? offsetOf(document, path) : (keyOffset(document, path) ?? offsetOf(document, path));
  const told = key === undefined ? problemOf({ path: path.length > 0 ? path : ['the file'], message: what }) : `${path.join('.')}: ${what}`;
  throw refuse(`${at(offset)}${told}`);
}

/** Where a value stands, or the nearest thing around it that is there. */
function offsetOf(document: Document.Parsed, path: readonly string[]): number | undefined {
  for (let depth = path.length; depth >= 0; depth -= 1) {
    const node = document.getIn(path.slice(0, depth), true);
    if (isNode(node)) return node.range?.[0];
  }
  return undefined;
}

/** Where the key at the end of a path stands: it is the key that is wrong there, not its value. */
function keyOffset(document: Document.Parsed, path: readonly string[]): number | undefined {
  const map = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  if (!isMap(map)) return undefined;
  const pair = map.items.find(({ key }) => isScalar(key) && String(key.value) === path.at(-1));
  return isNode(pair?.key) ? pair.key.range?.[0] : undefined;
}
