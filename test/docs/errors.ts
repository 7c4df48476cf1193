/**
 * Writes docs/errors.md from the error catalogue: every `defineError` in apps/ and packages/, by package.
 *
 * Files with definitions are found by reading the sources, then imported, so that the document holds what the program would say
 * and not what a regular expression thinks it says. Only the messages are taken from the source text, since they are functions.
 */
import { join } from 'node:path';
import { type ExitCode, errorCatalogue } from '@longshore/core';
import { parseAst } from 'vitest/node';
import { isNode, lineIndex, literal, walk } from '../architecture/imports.ts';
import { readWorkspace } from '../architecture/workspace.ts';
import { ROOT, settle } from './generated.ts';

/** Codes of errors that are gone. None is ever given to another error. */
export const RETIRED: readonly `LSH_${string}`[] = [];

export interface Definition {
  code: string;
  /** From the repository's root. */
  file: string;
  line: number;
  /** The sentence, with `<name>` where a detail goes; undefined when it is put together by other code. */
  message: string | undefined;
  /** The remedy, when it is made by a function. */
  fix: string | undefined;
}

export interface DocumentedError extends Definition {
  package: string;
  retryable: boolean;
  exitCode: ExitCode;
}

/** The `defineError('LSH_…', {…})` calls in a source file. */
export function definitionsIn(file: string, text: string): Definition[] {
  const found: Definition[] = [];
  if (!text.includes('defineError')) return found;
  const lineOf = lineIndex(text);
  walk(parseAst(text, { lang: 'ts' }), (node) => {
    if (node.type !== 'CallExpression' || !isNode(node.callee) || node.callee.name !== 'defineError' || !Array.isArray(node.arguments))
      return;
    const [first, spec] = node.arguments as unknown[];
    const code = literal(first);
    if (code === undefined) return;
    found.push({
      code,
      file,
      line: lineOf(node.start),
      message: sentence(property(spec, 'message')),
      fix: sentence(property(spec, 'fix')),
    });
  });
  return found;
}

/** Reads and imports all definitions. Throws with the file's name when one cannot be imported, or defines what it did not register. */
export async function documentedErrors(): Promise<DocumentedError[]> {
  const definitions = readWorkspace().flatMap((pkg) =>
    pkg.sources.flatMap(({ path, text }) => definitionsIn(path, text).map((definition) => ({ ...definition, package: pkg.name }))),
  );
  for (const file of new Set(definitions.map(({ file }) => file))) {
    if (file.endsWith('/main.ts'))
      throw new Error(`${file} defines errors; a program's main cannot be imported to document them, so put them beside it`);
    try {
      await import(join(ROOT, file));
    } catch (error) {
      throw new Error(`${file} cannot be imported: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  }
  const registered = new Map(errorCatalogue().map((entry) => [entry.code, entry]));
  return definitions
    .map((definition) => {
      const entry = registered.get(definition.code);
      if (!entry)
        throw new Error(`${definition.file}:${definition.line} defines ${definition.code}, but importing the file does not register it`);
      return { ...definition, fix: entry.fix === '' ? definition.fix : entry.fix, retryable: entry.retryable, exitCode: entry.exitCode };
    })
    .sort((a, b) => (a.code < b.code ? -1 : 1));
}

export function renderErrors(errors: readonly DocumentedError[], retired: readonly string[] = RETIRED): string {
  const lines = [
    '# Errors',
    '',
    '<!-- Generated from the error catalogue by test/docs/errors.ts; change the `defineError` call and run `node test/docs/errors.ts --write`. -->',
    '',
    'Every error a person or a program can meet has a code that never changes its meaning. The same code stands in the log, in events,',
    'in the answer of the HTTP API and in `--json` output. _Retry_ says whether doing the same again can help without anything being changed;',
    '_exit_ is the exit code of a command that ends with it.',
    '',
  ];
  for (const name of [...new Set(errors.map((error) => error.package))].sort()) {
    lines.push(`## ${name}`, '');
    for (const error of errors.filter((one) => one.package === name)) {
      lines.push(`### ${error.code}`, '', markdown(error.message ?? 'The sentence depends on the case.'), '');
      lines.push(`- To do: ${markdown(error.fix ?? 'depends on the case and comes with the error.')}`);
      lines.push(`- Retry: ${error.retryable ? 'yes' : 'no'}; exit: ${error.exitCode}`, '');
    }
  }
  if (retired.length > 0)
    lines.push('## Retired', '', 'No longer used, and never used again:', '', ...retired.map((code) => `- ${code}`), '');
  return lines.join('\n');
}

function property(object: unknown, name: string): unknown {
  if (!isNode(object) || !Array.isArray(object.properties)) return undefined;
  for (const entry of object.properties) {
    if (isNode(entry) && isNode(entry.key) && entry.key.name === name) return entry.value;
  }
  return undefined;
}

/** The text a message function returns, when it is one literal or template; `<name>` for its holes. */
function sentence(node: unknown): string | undefined {
  if (!isNode(node)) return undefined;
  if (node.type === 'ArrowFunctionExpression') return sentence(node.body);
  if (node.type !== 'TemplateLiteral') return literal(node);
  if (!Array.isArray(node.quasis) || !Array.isArray(node.expressions)) return undefined;
  const holes = node.expressions.map(holeName);
  const parts = node.quasis.map((quasi: unknown, index) => `${cooked(quasi)}${index < holes.length ? `<${holes[index]}>` : ''}`);
  return parts.join('');
}

function cooked(quasi: unknown): string {
  const value = isNode(quasi) ? quasi.value : undefined;
  return typeof value === 'object' && value !== null && 'cooked' in value ? String(value.cooked) : '';
}

/** What a person would call the hole: the detail it is made from, as `oldest` in `iso(e.oldest)` and `known` in `known.join(', ')`. */
function holeName(expression: unknown): string {
  return detailName(expression) ?? 'detail';
}

function detailName(node: unknown): string | undefined {
  if (!isNode(node)) return undefined;
  switch (node.type) {
    case 'Identifier':
      return typeof node.name === 'string' ? node.name : undefined;
    case 'MemberExpression':
      return detailName(node.computed === true ? node.object : node.property);
    case 'CallExpression': {
      const method = isNode(node.callee) && node.callee.type === 'MemberExpression' ? node.callee.object : undefined;
      const isGlobal = isNode(method) && method.type === 'Identifier' && typeof method.name === 'string' && /^[A-Z]/.test(method.name);
      return (isGlobal ? undefined : detailName(method)) ?? (Array.isArray(node.arguments) ? detailName(node.arguments[0]) : undefined);
    }
    case 'ConditionalExpression':
      return detailName(node.test);
    case 'TemplateLiteral':
      return Array.isArray(node.expressions) ? detailName(node.expressions[0]) : undefined;
    default:
      return detailName(node.left ?? node.argument ?? node.expression);
  }
}

/** Text as Markdown shows it: `<name>`, `*` and `_` stay what they are; code between backticks needs no care. */
function markdown(text: string): string {
  return text
    .split('`')
    .map((part, index) => (index % 2 === 1 ? part : part.replaceAll(/[<*_]/g, '\\$&')))
    .join('`');
}

if (import.meta.main) {
  try {
    process.exitCode = settle(process.argv[2], 'docs/errors.md', renderErrors(await documentedErrors()), 'test/docs/errors.ts');
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
