/** The API described as OpenAPI 3.1, from the schemas its requests are checked with and from the table of who may use what. */
import swagger from '@fastify/swagger';
import { ANSWERS, OPERATION } from '@longshore/contract';
import type { FastifyInstance, FastifySchema } from 'fastify';
import { jsonSchemaTransform } from 'fastify-type-provider-zod';
import { z } from 'zod';
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
        schemas: { Error: ERROR, Operation: described(OPERATION) },
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
        for (const [method, operation] of Object.entries(item ?? {}))
          if (typeof operation === 'object' && 'responses' in operation)
            Object.assign(operation, { responses: answers(method.toUpperCase(), path.replace(/\{(\w+)\}/g, ':$1')) });
      return openapiObject;
    },
    transform: (input) => {
      const { schema, url } = jsonSchemaTransform(input);
      const { route } = input;
      const method = [route.method].flat()[0] ?? 'GET';
      const access = accessOf(method, route.url);
      if (!access || HIDDEN.has(route.url) || method === 'HEAD') return { schema: { ...schema, hide: true }, url };
      return { schema: { ...schema, ...titled(method, route.url, access.least, access.title, access.audit) }, url };
    },
  });
}

function titled(method: string, path: string, least: string, title: string, audit: string | undefined): FastifySchema {
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

/** As JSON Schema; fields may be added later. An operation stands in it by its name. */
function described(schema: z.ZodType): { type?: 'object' } {
  const { $schema: _, ...found } = z.toJSONSchema(schema, {
    io: 'input',
    override: ({ zodSchema, jsonSchema, path }) => {
      if (!Object.is(zodSchema, OPERATION) || path.length === 0) return;
      for (const key of Object.keys(jsonSchema)) delete jsonSchema[key as keyof typeof jsonSchema];
      jsonSchema.$ref = '#/components/schemas/Operation';
    },
  });
  return found as { type?: 'object' };
}

function answers(method: string, path: string): object {
  const media = MEDIA[path];
  const known = new Map<string, z.ZodType>(Object.entries(ANSWERS)).get(`${method} ${path}`);
  if (!known) throw new Error(`nothing says what ${method} ${path} answers`);
  const schema = described(known);
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
