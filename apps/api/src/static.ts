/**
 * The dashboard's files: few, with fixed names, read from `@longshore/web` and from the two libraries it uses. Browsers get the sources
 * of the dashboard with their types taken off; nothing is bundled, and a name that is not on the list is unknown.
 */
import { createHash } from 'node:crypto';
import { existsSync, globSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { createRequire, stripTypeScriptTypes } from 'node:module';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

/** Nothing from anywhere else, no inline script, no frame around it. */
export const CONTENT_SECURITY_POLICY = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'";

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.js': 'text/javascript; charset=utf-8',
  '.ts': 'text/javascript; charset=utf-8',
};

/** Names under `/app/` that libraries are served by; paths are from the main file of each. */
const LIBRARIES: Readonly<Record<string, { library: string; path?: string }>> = {
  // Preact, its hooks and htm in one file.
  'vendor/preact.js': { library: 'htm', path: '../preact/standalone.module.js' },
  'vendor/uplot.js': { library: 'uplot', path: 'uPlot.esm.js' },
  'vendor/uplot.css': { library: 'uplot', path: 'uPlot.min.css' },
  // The typed client's own module, which imports nothing.
  'vendor/contract.js': { library: '@longshore/contract/caller' },
};

interface Served {
  type: string;
  etag: string;
  body: string;
  /** Of the file when it was read: a changed one is read again. */
  changed: number;
}

/** `/` and `/app/…`. They say nothing of the fleet, so they are for everybody who reaches the API. */
export function staticRoutes(server: FastifyInstance): void {
  const web = fileURLToPath(new URL('.', import.meta.resolve('@longshore/web/package.json')));
  const files = filesOf(web);
  const read = new Map<string, Promise<Served>>();
  // Browsers would learn of each module only from the one that imports it.
  const preload = [...files.keys()]
    .filter((name) => /\.[jt]s$/.test(name) && !name.startsWith('main.') && name !== 'vendor/uplot.js')
    .map((name) => `</app/${name}>; rel=modulepreload`)
    .join(', ');

  const serve = async (name: string, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const path = files.get(name) ?? files.get(name.replace(/\.js$/, '.ts'));
    if (path === undefined) {
      reply.callNotFound();
      return reply;
    }
    const { mtimeMs } = await stat(path);
    let file = await read.get(path);
    if (file?.changed !== mtimeMs) {
      const fresh = load(path, mtimeMs);
      read.set(path, fresh);
      file = await fresh;
    }
    reply.header('etag', file.etag).header('cache-control', 'no-cache').header('content-security-policy', CONTENT_SECURITY_POLICY);
    reply.header('referrer-policy', 'no-referrer').header('cross-origin-opener-policy', 'same-origin');
    if (name === 'index.html') reply.header('link', preload);
    if (request.headers['if-none-match'] === file.etag) return reply.code(304).send();
    return reply.type(file.type).send(file.body);
  };
  server.get('/', (request, reply) => serve('index.html', request, reply));
  server.get<{ Params: { '*': string } }>('/app/*', (request, reply) => serve(request.params['*'], request, reply));
}

/** Name under `/app/` → file. A checkout has sources; a published package has them compiled. */
function filesOf(web: string): Map<string, string> {
  const find = createRequire(join(web, 'package.json'));
  const source = existsSync(join(web, 'src')) ? join(web, 'src') : join(web, 'dist');
  const modules = globSync('**/*.{ts,js}', { cwd: source }).filter((name) => !name.endsWith('.d.ts'));
  const pages = globSync('*.{html,css,svg}', { cwd: join(web, 'public') });
  return new Map([
    ...modules.sort().map((name): [string, string] => [name.replaceAll('\\', '/'), join(source, name)]),
    ...pages.map((name): [string, string] => [name, join(web, 'public', name)]),
    ...Object.entries(LIBRARIES).map(([name, { library, path }]): [string, string] => [
      name,
      path === undefined ? find.resolve(library) : join(dirname(find.resolve(library)), path),
    ]),
  ]);
}

async function load(path: string, changed: number): Promise<Served> {
  const extension = extname(path);
  const text = await readFile(path, 'utf8');
  const body = extension === '.ts' ? stripTypeScriptTypes(text) : text;
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
  return { type: TYPES[extension] ?? 'application/octet-stream', etag, body, changed };
}
