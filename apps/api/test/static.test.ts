import { afterEach, expect, test } from 'vitest';
import type { Fixture } from './fixture.ts';
import { makeApi } from './fixture.ts';

let fixture: Fixture;
afterEach(() => fixture.server.close());
const get = (url: string, headers: Record<string, string> = {}) => fixture.server.inject({ url, headers });

test('the dashboard is one page with scripts of its own and nothing inline', async () => {
  fixture = makeApi();
  const { headers, body } = await get('/');
  expect(headers['content-type']).toBe('text/html; charset=utf-8');
  expect(headers['content-security-policy']).toContain("default-src 'self'");
  expect(headers['content-security-policy']).not.toContain('unsafe');
  expect(body).not.toMatch(/<script(?![^>]*\ssrc=)|\sstyle=|\son[a-z]+=|https?:/i);
  const names = [...body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, name]) => name!);
  expect(names.length).toBeGreaterThan(2);
  for (const name of names) expect((await get(name)).statusCode, name).toBe(200);
});

test('every module and what it imports is there, with its types taken off', async () => {
  fixture = makeApi();
  const wanted = ['/app/main.js'];
  const seen = new Set<string>();
  for (let name = wanted.pop(); name !== undefined; name = wanted.pop()) {
    if (seen.has(name)) continue;
    seen.add(name);
    const { statusCode, headers, body } = await get(name);
    expect([name, statusCode, headers['content-type']]).toEqual([name, 200, 'text/javascript; charset=utf-8']);
    expect(body, name).not.toMatch(/^import type|^export (type|interface) /m);
    for (const [, specifier] of body.matchAll(/(?:from|import\()\s*'([^']+)'/g)) {
      expect(specifier, name).toMatch(/^\.\.?\//);
      wanted.push(new URL(specifier!, `http://here${name}`).pathname);
    }
  }
  expect([...seen]).toEqual(expect.arrayContaining(['/app/vendor/preact.js', '/app/vendor/uplot.js', '/app/operation/page.ts']));
});

test('a file that has not changed is not sent again', async () => {
  fixture = makeApi();
  const first = await get('/app/style.css');
  const etag = first.headers.etag!;
  expect(first.headers['cache-control']).toBe('no-cache');
  const again = await get('/app/style.css', { 'if-none-match': etag });
  expect([again.statusCode, again.body]).toEqual([304, '']);
});

test.each(['/app/../package.json', '/app/%2e%2e/package.json', '/app/package.json', '/app/wire.d.ts', '/app/', '/app/vendor/preact.d.ts'])(
  '%s is no file of the dashboard',
  async (url) => {
    fixture = makeApi();
    expect((await get(url)).statusCode).toBe(404);
  },
);
