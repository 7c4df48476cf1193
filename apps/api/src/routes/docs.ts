/** The API's description, for programs and as one page for people. The page has no script and asks no other host for anything. */
import { createHash } from 'node:crypto';
import type { Api } from './api.ts';

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 0 auto; padding: 1.5rem; }
h1 { margin: 0; } h2 { margin: 2rem 0 .5rem; text-transform: capitalize; }
details { border-top: 1px solid #8884; padding: .5rem 0; }
summary { cursor: pointer; display: flex; gap: .75rem; flex-wrap: wrap; align-items: baseline; }
code, pre { font: 13px/1.45 ui-monospace, monospace; }
pre { overflow-x: auto; padding: .75rem; border: 1px solid #8884; border-radius: 6px; }
.method { font-weight: 700; min-width: 4rem; } .quiet { opacity: .75; }
`;
const POLICY = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

export function docsRoutes(api: Api): void {
  let page: string | undefined;
  api.get('/openapi.json', async () => api.swagger());
  api.get('/docs', async (_request, reply) => {
    page ??= render(described(api));
    return reply
      .header('content-security-policy', POLICY)
      .header('referrer-policy', 'no-referrer')
      .type('text/html; charset=utf-8')
      .send(page);
  });
}

/** What the page shows of the description. */
interface Operation {
  summary?: string;
  description?: string;
  tags?: string[];
  parameters?: { name: string; in: string; required?: boolean; schema?: unknown }[];
  requestBody?: { content?: Record<string, { schema?: unknown }> };
  responses?: Record<string, { content?: Record<string, { schema?: unknown }> }>;
}
interface Description {
  info: { title: string; version: string; description?: string };
  paths: Record<string, Partial<Record<'get' | 'post' | 'delete', Operation>>>;
}

/** As programs get it. */
function described(api: Api): Description {
  return JSON.parse(JSON.stringify(api.swagger())) as Description;
}

/** Every route by its tag, in the order of the description. */
function render({ info, paths }: Description): string {
  const sections = new Map<string, string[]>();
  for (const [path, item] of Object.entries(paths))
    for (const method of ['get', 'post', 'delete'] as const) {
      const operation = item[method];
      if (!operation) continue;
      const tag = operation.tags?.[0] ?? '';
      sections.set(tag, [...(sections.get(tag) ?? []), entry(method.toUpperCase(), path, operation)]);
    }
  const body = [...sections].map(([tag, entries]) => `<h2>${text(tag)}</h2>\n${entries.join('\n')}`).join('\n');
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${text(info.title)}: the API</title><style>${STYLE}</style></head>
<body>
<h1>${text(info.title)}: the API</h1>
<p class="quiet">Version ${text(info.version)} · <a href="/openapi.json">openapi.json</a> · <a href="/">dashboard</a></p>
${paragraphs(info.description ?? '')}
${body}
</body>
</html>
`;
}

function entry(method: string, path: string, operation: Operation): string {
  const { parameters = [], requestBody, responses } = operation;
  const rows = parameters.map(
    ({ name, in: where, required, schema }) =>
      `<li><code>${text(name)}</code> <span class="quiet">in ${text(where)}${required ? ', required' : ''}</span> <code>${json(schema)}</code></li>`,
  );
  const content = requestBody?.content?.['application/json']?.schema;
  const [[media, answer] = []] = Object.entries(responses?.['2XX']?.content ?? {});
  return `<details><summary><code class="method">${method}</code> <code>${text(path)}</code> <span>${words(operation.summary ?? '')}</span></summary>
${paragraphs(operation.description ?? '')}${rows.length > 0 ? `<ul>${rows.join('')}</ul>` : ''}${content === undefined ? '' : `<p>Body:</p><pre>${json(content, 2)}</pre>`}${answer === undefined ? '' : `<p>Answer, <code>${text(media ?? '')}</code>:</p><pre>${json(answer.schema, 2)}</pre>`}</details>`;
}

const paragraphs = (raw: string): string =>
  raw
    .split(/\n\s*\n/)
    .map((one) => (one.trim() === '' ? '' : `<p>${words(one)}</p>\n`))
    .join('');

const json = (value: unknown, indent?: number): string => text(JSON.stringify(value, undefined, indent) ?? '');

function text(raw: string): string {
  return raw.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** Text in which backticks mean code. */
function words(raw: string): string {
  return raw
    .split('`')
    .map((part, at) => (at % 2 === 1 ? `<code>${text(part)}</code>` : text(part)))
    .join('');
}
