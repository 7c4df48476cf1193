/** The API described as OpenAPI 3.1, from the schemas its requests are checked with and from the table of who may use what. */
import swagger from '@fastify/swagger';
import type { FastifyInstance, FastifySchema } from 'fastify';
import { jsonSchemaTransform } from 'fastify-type-provider-zod';
import { accessOf } from './access.ts';

const VERSION = '0.1.0';

const DESCRIPTION = `Submit operations, watch them, decide about them.

Every error has the same shape: \`error.code\` never changes its meaning, \`error.message\` says what happened to what, \`error.fix\` what to do,
and \`error.retryable\` whether the same request can succeed later. Times are milliseconds since 1970, lengths of time milliseconds.

Where the API asks for tokens, one is given as \`Authorization: Bearer …\`, or as the cookie that \`POST /v1/session\` sets. The roles are
viewer, operator, approver and admin; each may do what those before it may.`;

/** What an error is answered with. */
const ERROR = {
  type: 'object' as const,
  required: ['error'],
  properties: {
    error: {
      type: 'object' as const,
      required: ['code', 'message', 'fix', 'retryable', 'exitCode'],
      properties: {
        code: { type: 'string' as const, pattern: '^LSH_' },
        message: { type: 'string' as const },
        fix: { type: 'string' as const },
        retryable: { type: 'boolean' as const },
        exitCode: { type: 'integer' as const, description: 'Exit code of a command that ends with it' },
      },
    },
  },
};

/** What is not JSON. */
const MEDIA: Readonly<Record<string, string>> = {
  '/metrics': 'text/plain',
  '/v1/operations/:id/explain': 'text/plain',
  '/v1/operations/:id/events': 'text/event-stream',
};
/** Pages for people, no part of the interface. */
const HIDDEN: ReadonlySet<string> = new Set(['/', '/app/*', '/docs', '/openapi.json']);

/** Before the routes, which it listens for. */
export function describeRoutes(server: FastifyInstance): void {
  server.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Longshore', version: VERSION, description: DESCRIPTION, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
      components: {
        schemas: { Error: ERROR },
        securitySchemes: {
          token: { type: 'http', scheme: 'bearer', description: 'A token, as `longshore token create` makes them' },
          session: { type: 'apiKey', in: 'cookie', name: 'longshore_session', description: 'What `POST /v1/session` sets' },
        },
      },
    },
    exposeHeadRoutes: false,
    transformObject: (input) => {
      if (!('openapiObject' in input)) return input.swaggerObject;
      const { openapiObject } = input;
      for (const [path, item] of Object.entries(openapiObject.paths ?? {}))
        for (const operation of Object.values(item ?? {}))
          if (typeof operation === 'object' && 'responses' in operation)
            Object.assign(operation, { responses: answers(path.replace(/\{(\w+)\}/g, ':$1')) });
      return openapiObject;
    },
    transform: (input) => {
      const { schema, url } = jsonSchemaTransform(input);
      const { route } = input;
      const method = [route.method].flat()[0] ?? 'GET';
      const access = accessOf(method, route.url);
      if (!access || HIDDEN.has(route.url) || method === 'HEAD') return { schema: { ...schema, hide: true }, url };
      return { schema: { ...schema, ...described(method, route.url, access.least, access.title, access.audit) }, url };
    },
  });
}

function described(method: string, path: string, least: string, title: string, audit: string | undefined): FastifySchema {
  const part = path.split('/')[2];
  return {
    summary: title,
    description:
      least === 'everybody'
        ? 'For everybody, without a token.'
        : `Least role: ${least}.${audit === undefined ? '' : ` In the audit log: \`${audit}\`.`}`,
    operationId: audit?.replace('.', '-') ?? operationName(method, path),
    tags: [part === undefined ? 'process' : part],
    security: least === 'everybody' ? [] : [{ token: [] }, { session: [] }],
  } as FastifySchema;
}

function answers(path: string): object {
  const media = MEDIA[path];
  const schema = media === undefined ? { type: 'object' } : { type: 'string' };
  const error = { description: 'It was not done', content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } } };
  return {
    '2XX': { description: 'Done, or as asked for', content: { [media ?? 'application/json']: { schema } } },
    '4XX': error,
    '5XX': error,
  };
}

/** `get-operations-id-plan`. */
function operationName(method: string, path: string): string {
  const parts = path.split('/').filter((part) => part !== '' && part !== 'v1');
  return [method.toLowerCase(), ...parts.map((part) => part.replace(/\W/g, ''))].join('-');
}
