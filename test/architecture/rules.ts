/** Holds a workspace against the table in layers.ts. Pure, so that planted violations can prove each rule. */
import { builtinModules } from 'node:module';
import { posix } from 'node:path';
import { findCycles } from './cycles.ts';
import { type Import, readSource, type SourceFacts } from './imports.ts';
import { IMPURE_NAMES, LAYERS, ONLY_FROM, PORTS_ONLY, PURE_BUILTINS, RESERVED } from './layers.ts';
import type { SourceFile, WorkspacePackage } from './workspace.ts';

export type Rule =
  | 'layer' // imports a package of ours that is not below it
  | 'deep-import' // reaches past another package's front door
  | 'reserved' // imports a library that belongs to another package
  | 'undeclared' // imports what its own package.json does not list
  | 'test-only' // product code in devDependencies, or the other way round
  | 'ports' // takes time, chance, disk or network where these are ports
  | 'cycle'
  | 'unknown-package'; // a folder the table does not know

export interface Violation {
  rule: Rule;
  /** `path:line`, or a package's folder. */
  at: string;
  what: string;
  because: string;
}

export function describe(violation: Violation): string {
  return `${violation.at}: ${violation.what} [${violation.rule}] because ${violation.because}`;
}

/** Every violation of every rule, in the order of the files. */
export function checkWorkspace(packages: readonly WorkspacePackage[]): Violation[] {
  const byNpmName = new Map(packages.map((pkg) => [pkg.npmName, pkg]));
  const violations: Violation[] = [];
  const packageEdges = new Map<string, Set<string>>();
  for (const pkg of packages) {
    const edges = new Set<string>();
    packageEdges.set(pkg.folder, edges);
    violations.push(...checkManifest(pkg, byNpmName));
    const fileEdges = new Map<string, Set<string>>();
    for (const file of pkg.sources) {
      const facts = readSource(file.path, file.text);
      fileEdges.set(
        file.path,
        new Set(facts.imports.filter(isRelative).map((found) => posix.join(posix.dirname(file.path), found.specifier))),
      );
      for (const found of facts.imports) {
        violations.push(...checkImport(pkg, file, found, byNpmName));
        const other = byNpmName.get(packageName(found.specifier));
        if (other && other !== pkg) edges.add(other.folder);
      }
      violations.push(...checkPorts(file, facts));
    }
    violations.push(...cycles(fileEdges, 'files that need each other are one file, or miss a third one they both need'));
  }
  violations.push(...cycles(packageEdges, 'packages that need each other are one package'));
  return violations;
}

function checkManifest(pkg: WorkspacePackage, byNpmName: ReadonlyMap<string, WorkspacePackage>): Violation[] {
  const layer = LAYERS[pkg.name];
  const at = `${pkg.folder}/package.json`;
  if (!layer) {
    const because = 'everything in apps/ and packages/ has its place in test/architecture/layers.ts';
    return [{ rule: 'unknown-package', at, what: `${pkg.name} has no entry`, because }];
  }
  const ours = pkg.dependencies.flatMap((name) => byNpmName.get(name) ?? []);
  const forbidden = ours.filter((other) => !layer.may.includes(other.name));
  return [
    ...forbidden.map(
      (other): Violation => ({ rule: 'layer', at, what: `depends on ${other.name}; ${allowed(pkg.name)}`, because: layer.because }),
    ),
    ...pkg.devDependencies.map(
      (name): Violation => ({
        rule: 'test-only',
        at,
        what: `has ${name} in its devDependencies`,
        because: 'what only development and tests need stands once, in the package.json of the root or of test/',
      }),
    ),
  ];
}

function checkImport(
  pkg: WorkspacePackage,
  file: SourceFile,
  found: Import,
  byNpmName: ReadonlyMap<string, WorkspacePackage>,
): Violation[] {
  const at = `${file.path}:${found.line}`;
  const what = `imports ${found.specifier}`;
  if (isRelative(found)) {
    const target = posix.join(posix.dirname(file.path), found.specifier);
    if (target.startsWith(`${pkg.folder}/src/`)) return [];
    return [{ rule: 'deep-import', at, what, because: 'a relative path stays in its own src; other packages are imported by their names' }];
  }
  if (isBuiltin(found.specifier)) return [];

  const name = packageName(found.specifier);
  const violations: Violation[] = [];
  const reservation = RESERVED[name];
  if (reservation && !reservation.only.includes(pkg.name)) {
    violations.push({ rule: 'reserved', at, what: `${what}; only ${reservation.only.join(', ')} may`, because: reservation.because });
  }
  const other = byNpmName.get(name);
  if (other) violations.push(...checkOurs(pkg, file, other, found, at));
  if (name !== pkg.npmName && !pkg.dependencies.includes(name)) {
    violations.push({ rule: 'undeclared', at, what, because: `${name} is not in the dependencies of ${pkg.folder}/package.json` });
  }
  return violations;
}

function checkOurs(pkg: WorkspacePackage, file: SourceFile, other: WorkspacePackage, found: Import, at: string): Violation[] {
  const what = `imports ${found.specifier}`;
  const violations: Violation[] = [];
  if (other === pkg) {
    return [{ rule: 'deep-import', at, what, because: 'a file imports its neighbours by their paths, not by its own package name' }];
  }
  const layer = LAYERS[pkg.name];
  if (layer && !layer.may.includes(other.name)) {
    violations.push({ rule: 'layer', at, what: `${what}; ${allowed(pkg.name)}`, because: layer.because });
  }
  const door = `.${found.specifier.slice(other.npmName.length)}`;
  if (!other.exports.includes(door)) {
    violations.push({
      rule: 'deep-import',
      at,
      what,
      because: `${other.npmName} offers only ${other.exports.join(', ')}; the rest is its own affair`,
    });
  }
  const only = ONLY_FROM.find((rule) => rule.importer === pkg.name && rule.imported === other.name);
  if (only && !only.file.test(file.path.slice(`${pkg.folder}/src/`.length))) {
    violations.push({ rule: 'layer', at, what, because: only.because });
  }
  return violations;
}

function checkPorts(file: SourceFile, facts: SourceFacts): Violation[] {
  const scope = PORTS_ONLY.find((candidate) => file.path.startsWith(candidate.folder) && file.path !== candidate.except);
  if (!scope) return [];
  const violations: Violation[] = facts.globals.map(({ name, line }) => ({
    rule: 'ports',
    at: `${file.path}:${line}`,
    what: `uses ${name}`,
    because: scope.because,
  }));
  for (const found of facts.imports.filter(({ specifier }) => isBuiltin(specifier))) {
    const module = found.specifier.startsWith('node:') ? found.specifier : `node:${found.specifier}`;
    const impure = found.names.filter((name) => IMPURE_NAMES[module]?.includes(name));
    if (PURE_BUILTINS.includes(module) && impure.length === 0) continue;
    const what = `imports ${impure.length > 0 ? `${impure.join(', ')} of ` : ''}${module}`;
    violations.push({ rule: 'ports', at: `${file.path}:${found.line}`, what, because: scope.because });
  }
  return violations;
}

function cycles(edges: ReadonlyMap<string, ReadonlySet<string>>, because: string): Violation[] {
  return findCycles(edges).map((ring) => ({
    rule: 'cycle',
    at: ring[0] ?? '',
    what: `imports itself: ${[...ring, ring[0]].join(' -> ')}`,
    because,
  }));
}

function allowed(name: string): string {
  const may = LAYERS[name]?.may ?? [];
  return may.length === 0 ? `${name} may import nothing of ours` : `${name} may import ${may.join(', ')}`;
}

function isRelative({ specifier }: Import): boolean {
  return specifier.startsWith('./') || specifier.startsWith('../') || specifier.startsWith('/');
}

function isBuiltin(specifier: string): boolean {
  return specifier.startsWith('node:') || builtinModules.includes(specifier);
}

/** `@longshore/core/memory` -> `@longshore/core`, `undici/types` -> `undici`. */
function packageName(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}
