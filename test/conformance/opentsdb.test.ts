/**
 * What the stand-in answers is what a real OpenTSDB 2.4 answers: each case is run against both, and the two observations are compared.
 * Ids, stack traces and the server's own descriptions differ from machine to machine and are left out.
 */
import { gzipSync } from 'node:zlib';
import { startOpenTsdb } from '@longshore/sandbox';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { globalQuery } from '../../packages/tsdb/src/client/opentsdb/global-annotations.ts';
import { LIMITED } from '../servers/opentsdb.ts';
import { realServer } from '../servers/real.ts';
import { type Answer, type Ask, ask } from './ask.ts';

const T = 1_678_233_600;
const RUN = `cf${Date.now().toString(36)}`;

/** Annotations of no series have no names: each run has hours of its own. */
const HOURS = 3_600 * (100_000 + (Date.now() % 200_000));

interface Point {
  metric: string;
  timestamp: number | string;
  value: unknown;
  tags: unknown;
}

class Server {
  readonly url: string;
  readonly prefix: string;
  constructor(url: string, name: string, before = '') {
    this.url = url;
    this.prefix = `${before}${RUN}.${name}`;
  }
  ask(path: string, options?: Ask): Promise<Answer> {
    return ask(`${this.url}${path.replaceAll('{', '%7B').replaceAll('}', '%7D').replaceAll('|', '%7C')}`, options);
  }
  put(points: unknown, query = '', headers: Record<string, string> = {}): Promise<Answer> {
    const body = typeof points === 'string' || Buffer.isBuffer(points) ? points : JSON.stringify(points);
    return this.ask(`/api/put${query}`, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } });
  }
  point(suffix: string, timestamp: number | string, value: unknown, tags: unknown = { host: 'h1' }): Point {
    return { metric: `${this.prefix}.${suffix}`, timestamp, value, tags };
  }
  /** Stores points and waits until they can be read: the server writes behind its answer. */
  async load(points: Point[]): Promise<void> {
    const { status } = await this.put([...points, this.point('zz', T, 1)]);
    expect(status).toBe(204);
    await this.readable('zz');
  }
  async readable(suffix: string): Promise<void> {
    await vi.waitFor(
      async () => {
        const { body } = await this.ask(`/api/query?start=${T - 1}&end=${T + 86_400}&m=none:${this.prefix}.${suffix}`);
        expect(body).toMatch(/"dps":\{"/);
      },
      { timeout: 30_000, interval: 250 },
    );
  }
  async query(query: string): Promise<unknown> {
    return plain(await this.ask(`/api/query?${query}`));
  }
}

/** An error without its trace and the parser's own words; anything else as it came. */
function plain(answer: Answer): unknown {
  const { status, type, body } = answer;
  if (!body.startsWith('{"error"')) return { status, type, body };
  const { error } = JSON.parse(body) as { error: { code: number; message: string; details?: string; trace?: string } };
  const details = /^(?:TSQuery|com\.fasterxml)/.test(error.details ?? '') ? 'described' : error.details;
  return { status, type, code: error.code, message: error.message, details, trace: (error.trace ?? '').length > 0 };
}

async function all(server: Server, queries: string[]): Promise<unknown[]> {
  const answers: unknown[] = [];
  for (const query of queries) answers.push([query, await server.query(query)]);
  return answers;
}

const CASES: Record<string, (server: Server) => Promise<unknown>> = {
  'ranges, in seconds and milliseconds': async (server) => {
    const p = server.prefix;
    await server.load([
      server.point('a', T, 1),
      server.point('a', T + 60, 2),
      server.point('a', T + 120, 3),
      server.point('a', T, 10, { host: 'h2', dc: 'x' }),
      server.point('ms', T * 1000 + 100, 1),
      server.point('ms', T * 1000 + 900, 2),
      server.point('ms', T * 1000 + 179_500, 3),
    ]);
    return all(server, [
      `start=${T}&end=${T + 179}&m=none:${p}.a`,
      `start=${T}&end=${T + 60}&m=none:${p}.a`,
      `start=${T * 1000}&end=${T * 1000 + 60_000}&m=none:${p}.a&ms=true&arrays=true`,
      `start=${T * 1000}&end=${T * 1000 + 59_999}&m=none:${p}.a&ms&arrays`,
      `start=${T + 1}&end=${T + 60}&m=none:${p}.a`,
      `start=${T}&end=${T + 300}&m=none:${p}.ms`,
      `start=${T}&end=${T + 300}&m=none:${p}.ms&ms=false`,
      `start=${T}&end=${T + 179}&m=none:${p}.ms&ms&arrays=false`,
      `start=${T * 1000 + 100}&end=${T * 1000 + 101}&m=none:${p}.ms&ms`,
      `start=${T * 1000 + 101}&end=${T * 1000 + 500}&m=none:${p}.ms&ms`,
      `start=${T + 1000}&end=${T + 1100}&m=none:${p}.a`,
      `start=${T + 3599}&end=${T + 3600}&m=none:${p}.a`,
      `start=${T + 3600}&end=${T + 3700}&m=none:${p}.a`,
      `start=${T + 7200}&end=${T + 7300}&m=none:${p}.a`,
      `start=${T - 10}&end=${T - 5}&m=none:${p}.a`,
      `start=${T - 3600}&end=${T - 3500}&m=none:${p}.a`,
      `start=${T + 86_400}&end=${T + 86_500}&m=none:${p}.a`,
      `start=${T}.000&end=${T}.500&m=none:${p}.ms&ms`,
      `start=${T}000ms&end=${T}500ms&m=none:${p}.ms&ms`,
      `start=2023/03/08-00:00:00&end=2023/03/08-00:01:00&tz=UTC&m=none:${p}.a`,
      `start=2023/03/08&end=2023/03/09&tz=UTC&m=none:${p}.a`,
      `start=2023/03/07-19:00:00&end=2023/03/07-19:01:30&tz=America/New_York&m=none:${p}.a`,
      `start=2023/03/07-19:00:00&end=2023/03/07-19:01:30&timezone=America/New_York&m=none:${p}.a`,
      `start=30y-ago&m=none:${p}.a&ms`,
      `start=${T}&end=now&m=none:${p}.a`,
      `start=${T}&end=${T + 300}&m=none:${p}.a&no_annotations&global_annotations&padding`,
      `start=${T}&end=${T + 300}&m=none:${p}.a&m=none:${p}.ms`,
      `start=${T}&end=${T + 100}&m=none:${p}.a&method_override=delete`,
      `start=${T}&end=${T + 100}&m=none:${p}.a&jsonp=cb`,
    ]);
  },
  'queries that are refused': async (server) => {
    const p = server.prefix;
    await server.load([server.point('a', T, 1)]);
    return all(server, [
      `start=${T}&end=${T}&m=none:${p}.a`,
      `start=${T + 5}&end=${T}&m=none:${p}.a`,
      `start=${T}&end=${T + 100}&m=none:${p}.nope`,
      `start=${T}&end=${T + 100}&m=bogus:${p}.a`,
      `start=${T}&end=${T + 100}`,
      `m=none:${p}.a`,
      `start=${T}&end=${T + 100}&m=none`,
      `start=abc&m=none:${p}.a`,
      `start=-5&m=none:${p}.a`,
      `start=${T}.5&m=none:${p}.a`,
      `start=${T}&end=${T + 300}&m=none:${p}.a{${RUN}nokey=*}`,
      `start=${T}&end=${T + 300}&m=none:${p}.a{host=${RUN}novalue}`,
    ]);
  },
  filters: async (server) => {
    const p = server.prefix;
    await server.load([server.point('a', T, 1), server.point('a', T, 10, { host: 'h2', dc: 'x' })]);
    const m = (filters: string, aggregator = 'none'): string => `start=${T}&end=${T + 300}&m=${aggregator}:${p}.a${filters}`;
    return all(server, [
      m('{host=*}'),
      m('{host=h1}'),
      m('{host=*,dc=*}'),
      m('{host=h1|h2}'),
      m('{}{host=wildcard(h*)}'),
      m('{}{host=wildcard(*1)}'),
      m('', 'sum'),
      m('{host=*}', 'sum'),
    ]);
  },
  'number texts': async (server) => {
    const p = server.prefix;
    const texts = ['9007199254740993', '9223372036854775807', '-9223372036854775808', '+7', '007', '-0', '0'];
    const floats = [
      '1.0',
      '1e3',
      '-0.0',
      '0.1',
      '3.141592653589793',
      '1.5E-10',
      '12345678.5',
      '1e300',
      '0.001',
      '9999999.0',
      '1.0E7',
      '0.30000001192092896',
      '1.10',
      '5.',
      '.5',
    ];
    const mixed = ['1', '2.5', '3', '4', '-5', '0.5'];
    await server.load([texts, floats, mixed].flatMap((list, which) => list.map((text, at) => server.point(`n${which}`, T + at, text))));
    await server.put(
      `[{"metric":"${p}.raw","timestamp":${T},"value":9007199254740993,"tags":{"h":"x"}},{"metric":"${p}.raw","timestamp":"${T + 1}","value":7,"tags":{"h":"x"}},{"metric":"${p}.raw","timestamp":${T + 2}.5,"value":8,"tags":{"h":"x"}}]`,
    );
    await server.readable('raw');
    return all(
      server,
      ['n0', 'n1', 'n2', 'raw'].map((suffix) => `start=${T}&end=${T + 100}&m=none:${p}.${suffix}`),
    );
  },
  'puts: what is stored, what is refused': async (server) => {
    const point = server.point.bind(server);
    const nine = Object.fromEntries(Array.from({ length: 9 }, (_, at) => [`t${at}`, 'v']));
    const bodies: [unknown, string][] = [
      [[point('a', T, 1)], ''],
      [point('a', T + 1, 2), ''],
      [[point('a', T, 1)], '?summary'],
      [[point('a', T, 1)], '?details'],
      [[point('a', T, 1)], '?sync'],
      [[point('a', T, 1)], '?sync&details&sync_timeout=5000'],
      [[point('part', T, 1), point('part', T + 1, 'abc'), point('part', T + 2, 3)], ''],
      [[point('a', T, 1), point('a', T, 'x')], '?summary'],
      [
        [
          { ...point('a', T, 1), tags: {} },
          { timestamp: T, value: 1, tags: { a: 'b' } },
          { metric: `${server.prefix}.a`, value: 1, tags: { a: 'b' } },
          { metric: `${server.prefix}.a`, timestamp: T, tags: { a: 'b' } },
        ],
        '?details',
      ],
      [
        [
          point('a', T, 'NaN'),
          point('a', T, 'Infinity'),
          point('a', T, ''),
          point('a', T, '0x10'),
          point('a', T, '9223372036854775808'),
          point('a', -5, 1),
          point('a', 0, 1),
        ],
        '?details',
      ],
      [[{ ...point('a', T, 1), tags: null }, point('a', T, null)], '?details'],
      [`[{"metric":"${server.prefix}.a","timestamp":${T},"value":NaN,"tags":{"h":"x"}}]`, '?details'],
      ['', ''],
      ['[]', ''],
      ['{}', ''],
      ['{bad', ''],
      ['5', ''],
      ['"x"', ''],
      [[point('größe/x_y-z', T, 1, { höst: 'wert/ä' })], '?details'],
    ];
    // Their texts name machine's own limits and characters; that they fail, and alone, is what counts.
    const refused = [
      [point('a:b', T, 1), point('a', T, 2)],
      [point('a', T, 1, { 'ho st': 'x' })],
      [point('a', T, 1, { host: '' })],
      [point('a', T, 1, nine)],
      [point('a', 99_999_999_999_999, 1)],
    ];
    const answers: unknown[] = [];
    for (const [body, query] of bodies) answers.push([body, query, plain(await server.put(body, query))]);
    for (const body of refused) {
      const { status, body: text } = await server.put(body, '?details');
      const { success, failed } = JSON.parse(text) as { success: number; failed: number };
      answers.push([status, success, failed]);
    }
    answers.push(plain(await server.put(gzipSync(JSON.stringify([point('gz', T, 1)])), '', { 'content-encoding': 'gzip' })));
    answers.push(plain(await server.put(Buffer.from('garbage'), '', { 'content-encoding': 'gzip' })));
    await server.readable('gz');
    return [
      answers,
      await all(server, [`start=${T}&end=${T + 10}&m=none:${server.prefix}.part`, `start=${T}&end=${T + 10}&m=none:${server.prefix}.gz`]),
    ];
  },
  'queries by POST': async (server) => {
    const metric = `${server.prefix}.a`;
    await server.load([server.point('a', T, 1), server.point('a', T + 60, 2), server.point('a', T, 10, { host: 'h2', dc: 'x' })]);
    const bodies: [unknown, string][] = [
      [{ start: T * 1000, end: T * 1000 + 60_000, msResolution: true, noAnnotations: true, queries: [{ aggregator: 'none', metric }] }, ''],
      [{ start: T, end: T + 60, queries: [{ aggregator: 'none', metric }] }, '?arrays'],
      [
        {
          start: String(T),
          end: T + 60,
          queries: [{ aggregator: 'none', metric, filters: [{ type: 'wildcard', tagk: 'dc', filter: '*', groupBy: true }] }],
        },
        '',
      ],
      [{ start: T, end: T + 60, queries: [{ aggregator: 'none', metric, tags: { host: 'h2' } }] }, ''],
      [
        {
          start: T,
          end: T + 60,
          queries: [{ aggregator: 'none', metric, filters: [{ type: 'literal_or', tagk: 'host', filter: 'h1', groupBy: false }] }],
        },
        '',
      ],
      [
        {
          start: '2023/03/07-19:00:00',
          end: '2023/03/07-19:01:30',
          timezone: 'America/New_York',
          queries: [{ aggregator: 'none', metric }],
        },
        '',
      ],
      ['{bad', ''],
      ['', ''],
      [{ start: T, end: T + 5 }, ''],
    ];
    const answers: unknown[] = [];
    for (const [body, query] of bodies) {
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      answers.push([
        text,
        plain(await server.ask(`/api/query${query}`, { method: 'POST', body: text, headers: { 'content-type': 'application/json' } })),
      ]);
    }
    return answers;
  },
  'ids and summaries have their places': async (server) => {
    await server.load([server.point('a', T, 1)]);
    const { body } = await server.ask(
      `/api/query?start=${T}&end=${T + 9}&m=none:${server.prefix}.a&show_tsuids&show_summary&show_query&show_stats`,
    );
    const [series, summary, ...rest] = JSON.parse(body) as [Record<string, unknown>, Record<string, unknown>];
    return [Object.keys(series), Object.keys(summary), rest, (series.tsuids as string[]).map((id) => id.length)];
  },
  suggestions: async (server) => {
    const { prefix } = server;
    await server.load(Array.from({ length: 30 }, (_, at) => server.point(`s${String(at).padStart(2, '0')}`, T, 1)));
    const get = ['max=3', 'max=0', 'max=-3', 'max=x', 'max=100', ''].map((max) => `type=metrics&q=${prefix}.s&${max}`);
    const answers: unknown[] = [];
    for (const query of [...get, 'q=x', 'type=foo&q=x', `type=metrics&q=${RUN}nothing`])
      answers.push([query, plain(await server.ask(`/api/suggest?${query}`))]);
    for (const body of [
      JSON.stringify({ type: 'metrics', q: `${prefix}.s`, max: 3 }),
      JSON.stringify({ type: 'metrics', q: `${prefix}.s`, max: '2' }),
      '{}',
      '{x',
    ]) {
      answers.push([
        body,
        plain(await server.ask('/api/suggest', { method: 'POST', body, headers: { 'content-type': 'application/json' } })),
      ]);
    }
    return answers;
  },
  lookups: async (server) => {
    await server.load([server.point('a', T, 1), server.point('a', T, 10, { host: 'h2', dc: 'x' }), server.point('a', T + 7_200, 11)]);
    const paths = [`?m=${server.prefix}.a`, `?m=${server.prefix}.a&limit=1`, `?m=${server.prefix}.a{host=*}&limit=0`];
    const answers: unknown[] = [];
    for (const path of paths) {
      const { status, body } = await vi.waitFor(
        async () => {
          const answer = await server.ask(`/api/search/lookup${path}`);
          expect(answer.body).toContain('"tsuid"');
          return answer;
        },
        { timeout: 30_000, interval: 250 },
      );
      answers.push([path, status, body.replace(/"time":[\d.]+/, '"time":0').replaceAll(/"tsuid":"\w+"/g, '"tsuid":"ID"')]);
    }
    for (const body of [{ useMeta: false }, { useMeta: false, limit: 0 }, { useMeta: false, limit: 1 }, { useMeta: true, limit: 0 }]) {
      const text = JSON.stringify({ metric: `${server.prefix}.a`, ...body });
      const { status, body: found } = await server.ask('/api/search/lookup', {
        method: 'POST',
        body: text,
        headers: { 'content-type': 'application/json' },
      });
      answers.push([text, status, found.replace(/"time":[\d.]+/, '"time":0').replaceAll(/"tsuid":"\w+"/g, '"tsuid":"ID"')]);
    }
    return [answers, plain(await server.ask(`/api/search/lookup?m=${server.prefix}.none`)), plain(await server.ask('/api/search/lookup'))];
  },
  annotations: async (server) => {
    const p = server.prefix;
    await server.load([server.point('a', T, 1), server.point('a', T + 60, 2), server.point('a', T, 10, { host: 'h2' })]);
    const post = (path: string, body: unknown): Promise<Answer> =>
      server.ask(path, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } });
    const show = await server.ask(`/api/query?start=${T}&end=${T + 100}&m=none:${p}.a{host=h1}&show_tsuids`);
    const tsuid = /"tsuids":\["(\w+)"/.exec(show.body)![1]!;
    const masked = (value: unknown): unknown => JSON.parse(JSON.stringify(value).replaceAll(tsuid, 'ID'));
    const answers: unknown[] = [
      plain(await post('/api/annotation', { startTime: T + 5, tsuid, description: 'größe', notes: 'n', custom: { owner: 'x' } })),
      plain(await post('/api/annotation/bulk', [{ startTime: T * 1000 + 6_123, endTime: T * 1000 + 7_000, tsuid, description: 'ms' }])),
      plain(await post('/api/annotation/bulk', [{ startTime: T + 7_205, tsuid, description: 'no point in this hour' }])),
      plain(await post('/api/annotation/bulk', [{ startTime: 0, tsuid }])),
    ];
    await vi.waitFor(
      async () => expect((await server.ask(`/api/query?start=${T + 7200}&end=${T + 7300}&m=none:${p}.a`)).body).toContain('no point'),
      { timeout: 30_000, interval: 250 },
    );
    for (const [query, flags] of [
      [`start=${T}&end=${T + 100}`, ''],
      [`start=${T}&end=${T + 100}`, '&no_annotations'],
      [`start=${T}000&end=${T + 4}999`, '&ms&arrays'],
      [`start=${T + 5}000&end=${T + 6}122`, '&ms&arrays'],
      [`start=${T + 6}123&end=${T + 6}124`, '&ms&arrays'],
      [`start=${T + 3600}&end=${T + 3700}`, ''],
      [`start=${T + 7200}&end=${T + 7300}`, ''],
      [`start=${T + 7200}&end=${T + 7300}`, '&no_annotations'],
      [`start=${T + 7210}&end=${T + 7300}`, ''],
    ])
      answers.push([query, flags, await server.query(`${query}&m=none:${p}.a${flags}`)]);
    const names = `metric=${p}.a&tagk=host&tagv=h1`;
    answers.push(JSON.parse((await server.ask(`/api/uid/assign?${names}`)).body.replaceAll(/UID: \w+/g, 'UID')));
    const meta = await server.ask(`/api/uid/uidmeta?type=metric&uid=${tsuid.slice(0, 6)}`);
    answers.push([meta.status, meta.body.replace(tsuid.slice(0, 6), 'ID')]);
    return masked(answers);
  },
  'global annotations': async (server) => {
    const given = [
      { startTime: HOURS + 5, description: 'größe', notes: 'n', custom: { owner: 'x' } },
      { startTime: HOURS * 1000 + 6_123, endTime: HOURS * 1000 + 7_000 },
      { startTime: HOURS * 1000 + 6_124 },
      { startTime: HOURS + 9, endTime: HOURS + 7_200 },
      { startTime: HOURS + 7_205 },
    ].map((one) => ({ ...one, description: `${server.prefix} ${one.description ?? ''}` }));
    const written = await server.ask('/api/annotation/bulk', {
      method: 'POST',
      body: JSON.stringify(given),
      headers: { 'content-type': 'application/json' },
    });
    const own = ({ status, body }: Answer): unknown => {
      if (status !== 200) return [status, /"message":"[^"]*"/.exec(body)?.[0]];
      const listed = JSON.parse(body) as { description: string; startTime: number }[];
      const ours = listed.filter(({ description }) => description.startsWith(server.prefix));
      return ours
        .map((one) => ({ ...one, description: one.description.slice(server.prefix.length) }))
        .sort((a, b) => a.startTime - b.startTime);
    };
    const list = async (query: Record<string, unknown>): Promise<unknown> =>
      own(await server.ask(`/api/annotations?${new URLSearchParams(query as Record<string, string>)}`));
    const asked = (startMs: number, stopMs: number): Promise<unknown> => list(globalQuery({ startMs, stopMs }));
    await vi.waitFor(async () => expect(await asked(HOURS * 1000, (HOURS + 7_300) * 1000)).toHaveLength(5), {
      timeout: 30_000,
      interval: 250,
    });
    return [
      own(written),
      await list({ start_time: HOURS, end_time: HOURS + 100 }),
      await list({ start_time: `${HOURS}000`, end_time: `${HOURS}100` }),
      await list({ start_time: HOURS + 6, end_time: HOURS + 7_199 }),
      await list({ start_time: HOURS, end_time: HOURS + 7_300 }),
      await list({ start_time: HOURS, end_time: HOURS - 1 }),
      await list({ end_time: HOURS }),
      await asked(HOURS * 1000, HOURS * 1000 + 1),
      await asked((HOURS + 3600) * 1000, (HOURS + 3700) * 1000),
      await asked((HOURS + 7200) * 1000, (HOURS + 7206) * 1000),
    ];
  },
  'methods, versions, places that are not there': async (server) => {
    const answers: unknown[] = [];
    const tries: [string, string][] = [
      ['GET', '/api/put'],
      ['DELETE', '/api/put'],
      ['DELETE', `/api/query?start=${T}&end=${T + 9}&m=none:x`],
      ['PUT', `/api/query?start=${T}&end=${T + 9}&m=none:x`],
      ['DELETE', '/api/suggest?type=metrics'],
      ['DELETE', '/api/aggregators'],
      ['PUT', '/api/config'],
      ['GET', '/api/v2/version'],
      ['GET', '/api/nope'],
      ['GET', '/api'],
      ['GET', '/api/'],
      ['GET', '/nope?json'],
      ['GET', '/api/suggest/?type=foo'],
      ['GET', `/api/suggest?type=metrics&q=${'x'.repeat(4200)}`],
      ['GET', `/api/suggest?type=metrics&q=${'x'.repeat(3900)}`],
    ];
    for (const [method, path] of tries)
      answers.push([method, path.slice(0, 80), plain(await server.ask(path, method === 'PUT' ? { method, body: '{}' } : { method }))]);
    for (const path of ['/api/version', '/api/v1/version', '/api/config', '/api/aggregators', '/api/stats', '/nope']) {
      const { status, type, body } = await server.ask(path);
      answers.push([path, status, type, body.includes('"none"'), body[0]]);
    }
    const { body } = await server.ask('/api/config');
    const config = JSON.parse(body) as Record<string, string>;
    answers.push(
      ['tsd.http.request.enable_chunked', 'tsd.http.request.max_chunk', 'tsd.core.auto_create_metrics'].map((name) => config[name]),
    );
    return answers;
  },
};

/** What a server answers that reads no more than `LIMITED.points` points in one query. */
async function limits(server: Server): Promise<unknown> {
  const series = 150;
  const points = Array.from({ length: series * 3 }, (_, at) =>
    server.point('a', T + Math.floor(at / series) * 60, at, { host: `h${at % series}`, dc: at % 2 === 0 ? 'x' : 'y', all: 'a' }),
  );
  const few = Array.from({ length: LIMITED.points + 1 }, (_, at) => server.point('few', T + at * 5, at));
  await server.load([...points, ...few, server.point('few', T + 3600, 1)]);
  const answers: unknown[] = [];
  const [a, b] = [`${server.prefix}.a`, `${server.prefix}.few`];
  for (const query of [
    `m=none:${a}`,
    // One point of each series lies in it, but rows are read whole.
    `start=${T + 30}&m=none:${a}`,
    `m=none:${a}{dc=x}`,
    `m=none:${a}{all=*}`,
    `m=none:${a}{}{host=wildcard(h1*)}`,
    `m=none:${a}{host=h1|h2|h3}`,
    // Far more than the limit, but it comes in one go.
    `m=none:${b}`,
    `end=${T + 9000}&m=none:${b}`,
  ]) {
    const times = `${query.includes('start=') ? '' : `start=${T}&`}${query.includes('end=') ? '' : `end=${T + 3599}&`}`;
    const answer = (await server.query(`${times}${query}`)) as { status: number; body?: string };
    const found = answer.body === undefined ? answer : (JSON.parse(answer.body) as unknown[]).length;
    answers.push([query, answer.status, found]);
  }
  return answers;
}

const real = await realServer('opentsdb');

describe.skipIf(!real.there)('the OpenTSDB stand-in and the real one', async () => {
  if (!real.there) return;
  const standIn = await startOpenTsdb({ widenIntegersBeforeFloats: true });
  afterAll(async () => {
    await standIn.close();
    await real.stop();
  });
  test.each(Object.entries(CASES).map(([name, run], at) => ({ name, run, at })))('$name', async ({ run, at }) => {
    const [ours, theirs] = [await run(new Server(standIn.url, `o${at}`)), await run(new Server(real.url, `o${at}`))];
    expect(ours).toEqual(theirs);
  });

  test('limits of what a query may read', async ({ skip }) => {
    const config = JSON.parse((await ask(`${real.url}/api/config`)).body) as Record<string, string>;
    if (config['tsd.query.limits.overrides.config'] === undefined) skip('this server has no limits of ours');
    await using limited = await startOpenTsdb({ maxPointsPerQuery: LIMITED.points });
    const server = (url: string): Server => new Server(url, 'l', LIMITED.prefix);
    expect(await limits(server(limited.url))).toEqual(await limits(server(real.url)));
  });
});
