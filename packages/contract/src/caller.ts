/** Typed calls of the API over whatever carries them: undici, a browser's fetch, a test's injection. Runs in browsers: it imports types only. */
import type { AnswerOf, InputOf, RouteKey } from './routes.ts';

export interface ApiRequest {
  /** `GET /v1/operations/:id`, for messages. */
  route: RouteKey;
  method: string;
  /** With its query. */
  path: string;
  headers: Record<string, string>;
  /** The route answers with text; else with JSON, or with nothing (204). */
  text: boolean;
  /** JSON; absent: no body. */
  body?: string;
}

/** Resolves to the parsed answer: JSON, or text where the route answers with text. Throws what an error answer says. */
export type Send<O> = (request: ApiRequest, options: O) => Promise<unknown>;

export type Call<O> = <K extends RouteKey>(route: K, ...rest: Rest<K, O>) => Promise<AnswerOf<K>>;
/** The input may be left out where nothing in it is needed. */
type Rest<K extends RouteKey, O> = object extends InputOf<K> ? [input?: InputOf<K>, options?: O] : [input: InputOf<K>, options?: O];

interface Parts {
  params?: Record<string, string>;
  query?: object;
  headers?: Record<string, string | undefined>;
  body?: unknown;
}

const TEXTS: ReadonlySet<RouteKey> = new Set(['GET /metrics', 'GET /v1/operations/:id/explain', 'GET /v1/operations/:id/events']);

export function caller<O>(send: Send<O>, standard: O): Call<O> {
  return async (route, ...[input, options]) => {
    const { headers = {}, body } = (input ?? {}) as Parts;
    const given = Object.entries(headers).filter((entry): entry is [string, string] => entry[1] !== undefined);
    const request: ApiRequest = {
      route,
      method: route.slice(0, route.indexOf(' ')),
      text: TEXTS.has(route),
      path: pathOf(route, (input ?? {}) as Parts),
      headers: { ...(body == null ? {} : { 'content-type': 'application/json' }), ...Object.fromEntries(given) },
      ...(body == null ? {} : { body: JSON.stringify(body) }),
    };
    return (await send(request, options ?? standard)) as never;
  };
}

/** The path of a route with its parameters put in, and its query behind it. */
export function pathOf(route: RouteKey, { params = {}, query = {} }: Pick<Parts, 'params' | 'query'>): string {
  const path = route.slice(route.indexOf(' ') + 1).replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(params[name] ?? ''));
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    for (const one of [value].flat()) if (one !== undefined) search.append(name, String(one));
  return search.size > 0 ? `${path}?${search}` : path;
}
