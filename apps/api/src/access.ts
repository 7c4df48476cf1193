/**
 * Every route, with the least role that may use it and, where it changes something, the name by which the audit log knows that. A route
 * that is not here answers nobody: what the API has and what this table has are compared when it starts.
 */
import type { AccessRole } from '@longshore/core';
import type { FastifyInstance } from 'fastify';

export interface Access {
  /** `everybody`: without a token, too. Says nothing of the fleet. */
  least: AccessRole | 'everybody';
  /** Absent: it changes nothing. */
  audit?: string;
  /** For the documentation. */
  title: string;
}

const anybody = (title: string): Access => ({ least: 'everybody', title });
const look = (title: string): Access => ({ least: 'viewer', title });
const change = (least: AccessRole, audit: string, title: string): Access => ({ least, audit, title });

export const ACCESS: Readonly<Record<string, Access>> = {
  'GET /': anybody('The dashboard'),
  'GET /app/*': anybody('Files of the dashboard'),
  'GET /docs': anybody('This page'),
  'GET /openapi.json': anybody('This description, as OpenAPI 3.1'),
  'GET /healthz': anybody('Whether the process is there'),
  'GET /readyz': anybody('Whether the API can work, with the reason if not'),
  'GET /metrics': look("Metrics, in Prometheus's text format"),

  'POST /v1/session': anybody('Give a token, get a cookie'),
  'DELETE /v1/session': anybody('Forget the cookie'),
  'GET /v1/me': look('Who asks, as the API sees it'),
  'GET /v1/tokens': { least: 'admin', title: 'The tokens there are, without their secrets' },
  'POST /v1/tokens': change('admin', 'token.create', 'Make a token; the answer alone has it'),
  'DELETE /v1/tokens/:name': change('admin', 'token.revoke', 'Revoke a token'),
  'GET /v1/audit': { least: 'admin', title: 'What was asked of the fleet, and what it did by itself' },

  'POST /v1/operations': change('operator', 'operation.submit', 'Submit an operation'),
  'GET /v1/operations': look('Operations, newest first'),
  'GET /v1/operations/:id': look('An operation with its live tasks and its guards'),
  'GET /v1/operations/:id/plan': look('What it would do, or does'),
  'GET /v1/operations/:id/tasks': look('Tasks that have ended'),
  'GET /v1/operations/:id/report': look('What it did, in numbers'),
  'GET /v1/operations/:id/picture': look('What its tasks show of it: tables, and numbers over time'),
  'GET /v1/operations/:id/explain': look('What it is doing and waiting for, in words'),
  'GET /v1/operations/:id/journal': look('Every change outside that was begun'),
  'GET /v1/operations/:id/revert': look('What taking it back would do'),
  'GET /v1/operations/:id/events': look('Its log, as server-sent events'),
  'POST /v1/operations/:id/start': change('operator', 'operation.start', 'Run what was planned'),
  'POST /v1/operations/:id/pause': change('operator', 'operation.pause', 'Begin nothing new'),
  'POST /v1/operations/:id/resume': change('operator', 'operation.resume', 'Go on after a pause'),
  'POST /v1/operations/:id/finish': change('operator', 'operation.finish', 'End what would go on for ever, and go on with what comes next'),
  'POST /v1/operations/:id/drain': change('operator', 'operation.drain', 'Bring what is there to its end, begin nothing new'),
  'POST /v1/operations/:id/cancel': change('operator', 'operation.cancel', 'Stop it'),
  'POST /v1/operations/:id/retry': change('operator', 'operation.retry', 'Go on where it failed'),
  'POST /v1/operations/:id/revert': change('operator', 'operation.revert', 'Take back what it did'),
  'POST /v1/operations/:id/approve': change('approver', 'operation.approve', 'Agree to a stage that waits for it'),
  'POST /v1/operations/:id/take-over': change('admin', 'operation.take-over', 'End by hand what could not be closed'),

  'GET /v1/kinds': look('Kinds of operation, with the schemas of their parameters'),
  'GET /v1/workers': look('Processes that live'),
  'GET /v1/spools': look('Spools'),
  'POST /v1/spools': change('operator', 'spool.add', 'Add a spool, where the configuration allows it'),
  'DELETE /v1/spools/:name': change('admin', 'spool.forget', 'Give a lost spool up'),
  'GET /v1/targets': look('Configured targets, without their addresses'),
  'GET /v1/fleet': look('Whether the fleet is being drained'),
  'POST /v1/fleet/drain': change('admin', 'fleet.drain', 'Take nothing new, bring everything to its end'),
  'POST /v1/fleet/open': change('admin', 'fleet.open', 'Take new operations again'),
  'GET /v1/dead-letters': look('Tasks that were given up'),
  'POST /v1/dead-letters/requeue': change('operator', 'letter.requeue', 'Try one of them again'),
};

/** The table's entry for a route; `HEAD` is what `GET` is. Undefined where there is no such route, or nobody may use it. */
export function accessOf(method: string, route: string | undefined): Access | undefined {
  const key = `${method === 'HEAD' ? 'GET' : method} ${route ?? ''}`;
  return Object.hasOwn(ACCESS, key) ? ACCESS[key] : undefined;
}

declare module 'fastify' {
  interface FastifyInstance {
    /** `METHOD /path` of every route; `HEAD` goes with its `GET`. */
    routeKeys: Set<string>;
  }
}

/** Refuses, when the API is built, a route that the table does not have: nobody has thought of who may use it. */
export function requireAccess(server: FastifyInstance): void {
  server.decorate('routeKeys', new Set<string>());
  server.addHook('onRoute', ({ method, url }) => {
    for (const one of [method].flat()) {
      if (!accessOf(one, url)) throw new TypeError(`the route ${one} ${url} is not in the table of who may use it`);
      server.routeKeys.add(`${one === 'HEAD' ? 'GET' : one} ${url}`);
    }
  });
}
