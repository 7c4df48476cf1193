/** What a source file asks of the world: its imports of every form, and the globals that reach outside. Pure: text in, data out. */
import { parseAst } from 'vitest/node';

export interface Import {
  specifier: string;
  line: number;
  /** Names taken from it; empty for `import 'x'`, `import()` and `export *`. */
  names: string[];
}

export interface GlobalUse {
  /** As written: `Date.now`, `new Date()`, `fetch`. */
  name: string;
  line: number;
}

export interface SourceFacts {
  imports: Import[];
  globals: GlobalUse[];
}

interface Node {
  type: string;
  start: number;
  [key: string]: unknown;
}

/** Members of globals that read a clock, a random source or a timer. */
const MEMBERS: Record<string, string[]> = {
  Date: ['now'],
  performance: ['now'],
  Math: ['random'],
  crypto: ['randomUUID', 'getRandomValues'],
  AbortSignal: ['timeout'],
};

/** Global functions that do the same, or go to the network. */
const FUNCTIONS = ['setTimeout', 'setInterval', 'fetch'];

/** Reads one TypeScript file. Throws with the file's name when it does not parse. */
export function readSource(path: string, text: string): SourceFacts {
  const facts: SourceFacts = { imports: [], globals: [] };
  const lineOf = lineIndex(text);
  let program: unknown;
  try {
    program = parseAst(text, { lang: 'ts' });
  } catch (error) {
    throw new Error(`${path} does not parse: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  walk(program, (node) => {
    const found = importOf(node);
    if (found) facts.imports.push({ ...found, line: lineOf(node.start) });
    const used = globalOf(node);
    if (used !== undefined) facts.globals.push({ name: used, line: lineOf(node.start) });
  });
  return facts;
}

/** Calls `visit` for every node of a syntax tree, parents first. */
export function walk(value: unknown, visit: (node: Node) => void): void {
  if (Array.isArray(value)) {
    for (const item of value) walk(item, visit);
    return;
  }
  if (!isNode(value)) return;
  visit(value);
  for (const child of Object.values(value)) if (typeof child === 'object' && child !== null) walk(child, visit);
}

export function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
}

/** The line (from 1) of an offset into `text`. */
export function lineIndex(text: string): (offset: number) => number {
  return (offset) => text.slice(0, offset).split('\n').length;
}

function importOf(node: Node): Omit<Import, 'line'> | undefined {
  switch (node.type) {
    case 'ImportDeclaration':
    case 'ExportNamedDeclaration':
    case 'ExportAllDeclaration':
      return withSource(node.source, namesOf(node.specifiers));
    case 'ImportExpression':
    case 'TSImportType':
      return withSource(node.source ?? node.argument, []);
    case 'TSExternalModuleReference':
      return withSource(node.expression, []);
    case 'CallExpression': {
      const first = Array.isArray(node.arguments) ? node.arguments[0] : undefined;
      return isNode(node.callee) && node.callee.type === 'Identifier' && node.callee.name === 'require' ? withSource(first, []) : undefined;
    }
    default:
      return undefined;
  }
}

function withSource(source: unknown, names: string[]): Omit<Import, 'line'> | undefined {
  const specifier = literal(source);
  return specifier === undefined ? undefined : { specifier, names };
}

/** The text of a string, or of a template without holes; also inside a literal type, as `import('x').Y` has it. */
export function literal(node: unknown): string | undefined {
  if (!isNode(node)) return undefined;
  if (node.type === 'TSLiteralType') return literal(node.literal);
  if (node.type === 'Literal' && typeof node.value === 'string') return node.value;
  if (node.type === 'TemplateLiteral' && Array.isArray(node.quasis) && node.quasis.length === 1) {
    const [part] = node.quasis;
    if (isNode(part) && typeof part.value === 'object' && part.value !== null && 'cooked' in part.value) return String(part.value.cooked);
  }
  return undefined;
}

function namesOf(specifiers: unknown): string[] {
  if (!Array.isArray(specifiers)) return [];
  return specifiers.flatMap((specifier: unknown) => {
    if (!isNode(specifier)) return [];
    const name = identifier(specifier.type === 'ExportSpecifier' ? specifier.local : specifier.imported);
    return name === undefined ? [] : [name];
  });
}

function globalOf(node: Node): string | undefined {
  if (node.type === 'NewExpression' && identifier(node.callee) === 'Date' && Array.isArray(node.arguments) && node.arguments.length === 0) {
    return 'new Date()';
  }
  if (node.type === 'CallExpression') {
    const name = identifier(node.callee);
    return name !== undefined && FUNCTIONS.includes(name) ? name : undefined;
  }
  if (node.type === 'MemberExpression') {
    const object = identifier(node.object);
    const property = identifier(node.property);
    if (object === undefined || property === undefined) return undefined;
    if (object === 'globalThis' && FUNCTIONS.includes(property)) return property;
    return MEMBERS[object]?.includes(property) ? `${object}.${property}` : undefined;
  }
  return undefined;
}

function identifier(node: unknown): string | undefined {
  return isNode(node) && node.type === 'Identifier' && typeof node.name === 'string' ? node.name : undefined;
}
