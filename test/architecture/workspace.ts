/** Reads the packages of the repository, with the text of their sources, into plain data. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { basename, join, sep } from 'node:path';

export interface SourceFile {
  /** From the repository's root, with forward slashes. */
  path: string;
  text: string;
}

export interface WorkspacePackage {
  /** Folder name: `core`, `cli`. */
  name: string;
  /** Name it is imported by: `@longshore/core`. */
  npmName: string;
  /** From the repository's root: `packages/core`. */
  folder: string;
  dependencies: string[];
  devDependencies: string[];
  /** What `exports` of its package.json offers: `.`, `./memory`. */
  exports: string[];
  sources: SourceFile[];
}

interface PackageJson {
  name?: string;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  exports?: Record<string, unknown>;
}

export const ROOT: string = join(import.meta.dirname, '..', '..');

/** Every package in apps/ and packages/, sorted by folder. */
export function readWorkspace(root: string = ROOT): WorkspacePackage[] {
  return globSync(['apps/*/package.json', 'packages/*/package.json'], { cwd: root })
    .map((manifest) => readPackage(root, slashed(manifest)))
    .sort((a, b) => (a.folder < b.folder ? -1 : 1));
}

function readPackage(root: string, manifest: string): WorkspacePackage {
  const folder = manifest.slice(0, -'/package.json'.length);
  const json = JSON.parse(readFileSync(join(root, manifest), 'utf8')) as PackageJson;
  const src = join(root, folder, 'src');
  const files = existsSync(src) ? globSync('**/*.ts', { cwd: src }).map(slashed).sort() : [];
  return {
    name: basename(folder),
    npmName: json.name ?? '',
    folder,
    dependencies: Object.keys(json.dependencies ?? {}),
    devDependencies: Object.keys(json.devDependencies ?? {}),
    exports: Object.keys(json.exports ?? {}),
    sources: files.map((file) => ({ path: `${folder}/src/${file}`, text: readFileSync(join(src, file), 'utf8') })),
  };
}

function slashed(path: string): string {
  return path.split(sep).join('/');
}
