/**
 * What the stand-in answers is what a real VictoriaMetrics answers: each case is run against both, and the two observations are compared.
 * A case returns plain data and never judges by itself. The stand-in takes on the version of the server that was found.
 */
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { startVictoriaMetrics, type VictoriaMetricsVersion } from '@longshore/sandbox';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { observed } from '../../packages/sandbox/test/observed.ts';
import { NativeBlock, readHead } from '../../packages/tsdb/src/client/victoriametrics/native/block.ts';
import { NativeReply } from '../../packages/tsdb/src/client/victoriametrics/native/reply.ts';
import { realServer } from '../servers/real.ts';
import { type Answer, type Ask, ask } from './ask.ts';

const T = 1_678_233_600_000;
const DAY_MS = 86_400_000;
const RUN = `cf${Date.now().toString(36)}`;

class Server {
  readonly url: string;
  /** Every metric of a case begins with it, so that nothing else on a shared server is touched. */
  readonly prefix: string;
  readonly version: VictoriaMetricsVersion;
  constructor(url: string, name: string, version: VictoriaMetricsVersion = '1.147') {
    this.url = url;
    this.prefix = `${RUN}.${name}`;
    this.version = version;
  }
  ask(path: string, options?: Ask): Promise<Answer> {
    return ask(`${this.url}${path}`, options);
  }
  import(body: string | Buffer, headers: Record<string, string> = {}): Promise<Answer> {
    return this.ask('/api/v1/import', { method: 'POST', body, headers });
  }
  async flush(): Promise<void> {
    await this.ask('/internal/force_flush');
  }
  /** Lines of an export, sorted, since series come in any order. */
  async export(suffix: string, query = ''): Promise<unknown> {
    const answer = await this.ask(`/api/v1/export?match[]=${encodeURIComponent(`{__name__="${this.prefix}.${suffix}"}`)}${query}`);
    return answer.status === 200 ? answer.body.split('\n').sort() : plain(answer);
  }
  async exportSelector(selector: string): Promise<unknown> {
    const answer = await this.ask(`/api/v1/export?match[]=${encodeURIComponent(selector)}`);
    return answer.status === 200 ? answer.body.split('\n').sort() : answer.status;
  }
  /** Rows by the names of their series as they are on the wire, and the bytes of blocks that are too short to be compressed. */
  async native(suffix: string, range: { startMs: number; stopMs: number }): Promise<unknown> {
    const times = `&start=${iso(range.startMs)}&end=${iso(range.stopMs - 1)}`;
    const match = encodeURIComponent(`{__name__="${this.prefix}.${suffix}"}`);
    const answer = await fetch(`${this.url}/api/v1/export/native?match[]=${match}${times}`);
    const body = Buffer.from(await answer.arrayBuffer());
    const block = new NativeBlock();
    const rows: Record<string, string[]> = {};
    const short: string[] = [];
    const all = { startMs: 0, stopMs: 2 * T };
    const parts = new NativeReply(range, (buffer, nameStart, nameEnd, blockStart, blockEnd) => {
      const name = buffer.toString('latin1', nameStart, nameEnd);
      block.decode(readHead(this.version === '1.79' ? 'bare' : 'full', buffer, blockStart, blockEnd), all);
      rows[name] ??= [];
      for (let at = block.from; at < block.to; at++) rows[name].push(`${block.times[at]} ${block.values[at]}`);
      rows[name].sort();
      if (blockEnd - blockStart < 100) short.push(`${name} ${buffer.toString('hex', blockStart, blockEnd)}`);
    });
    parts.push(body);
    parts.end();
    return { status: answer.status, type: answer.headers.get('content-type'), rows, short: short.sort() };
  }
  line(
    suffix: string,
    values: (string | number)[],
    times: (string | number)[] = values.map((_, at) => T + at),
    labels: Record<string, string> = {},
  ): string {
    const metric = JSON.stringify({ __name__: `${this.prefix}.${suffix}`, ...labels });
    return `{"metric":${metric},"values":[${values.join(',')}],"timestamps":[${times.join(',')}]}\n`;
  }
  async query(query: string, time: number): Promise<unknown> {
    const answer = await this.ask(`/api/v1/query?nocache=1&time=${time / 1000}&query=${encodeURIComponent(query)}`);
    const body = JSON.parse(answer.body) as { data?: { result: { metric: object; value: unknown }[] } };
    const result = body.data?.result.map((one) => JSON.stringify(one)).sort();
    return { status: answer.status, result };
  }
  async counters(): Promise<Map<string, number>> {
    const { body } = await this.ask('/metrics');
    const lines = body
      .split('\n')
      .filter((line) => /^vm_rows_(?:inserted|invalid)_total\{type="vmimport"\}|^vm_rows_ignored_total/.test(line));
    return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]));
  }
}

/** The counters when they have come to rest: alike in so many readings that their lag of a second is covered. */
async function settled(server: Server): Promise<Map<string, number>> {
  let last = '';
  let alike = 0;
  return vi.waitFor(
    async () => {
      const counters = await server.counters();
      const text = JSON.stringify([...counters]);
      alike = text === last ? alike + 1 : 0;
      last = text;
      expect(alike).toBeGreaterThanOrEqual(5);
      return counters;
    },
    { timeout: 30_000, interval: 300 },
  );
}

/** Without the caller's address, which only the old version prints, and without the server's own wording behind the parameter. */
function plain(answer: Answer): unknown {
  return { status: answer.status, body: answer.body.replace(/^remoteAddr.*?requestURI: \S+ /, '').replaceAll(/\d{13}/g, 'TIME') };
}

/** A time the old version does not cut to the ms before. */
function iso(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '3Z');
}

/** Name of the case, and what it sees. */
const CASES: Record<string, (server: Server) => Promise<unknown>> = {
  'points come back in order of time, duplicates and all': async (server) => {
    const answers = [
      await server.import(
        server.line('a', [3, 1, 2, 2, 9], [T + 2000, T, T + 1000, T + 1000, T + 1000]) + server.line('a', [1, 7], [T, T + 500]),
      ),
      await server.import(server.line('a', [1], [T])),
    ];
    await server.flush();
    return [answers.map(({ status, body }) => [status, body]), await server.export('a'), await server.export('a', '&max_rows_per_line=3')];
  },
  'rows are not seen before a flush': async (server) => {
    await server.import(server.line('early', [1]));
    return server.export('early');
  },
  'labels: order, empty values, escapes': async (server) => {
    const strange = `${Array.from({ length: 32 }, (_, at) => String.fromCharCode(at)).join('')}'"<>&/\u007f\u2028 größe 😀`;
    await server.import(server.line('labels', [1], [T], { z: '', b: '2', a: '1', Ö: 'ö', __x: 'y', strange }));
    await server.flush();
    return server.export('labels');
  },
  'limits of labels': async (server) => {
    const many = (count: number): Record<string, string> =>
      Object.fromEntries(Array.from({ length: count }, (_, at) => [`k${String(at).padStart(2, '0')}`, 'v']));
    await server.import(
      server.line('l29', [1], [T], many(29)) +
        server.line('l39', [1], [T], many(39)) +
        server.line('l45', [1], [T], many(45)) +
        server.line('name', [1], [T], { ['n'.repeat(300)]: 'x' }) +
        server.line('value4k', [1], [T], { a: 'v'.repeat(4097) }) +
        server.line('value17k', [1], [T], { a: 'v'.repeat(17_000) }),
    );
    await server.flush();
    return Promise.all(['l29', 'l39', 'l45', 'name', 'value4k', 'value17k'].map((suffix) => server.export(suffix)));
  },
  'digits that are lost': async (server) => {
    const blocks = [
      ...observed.singleValueRoundTrip.map(([given]) => [given]),
      ...observed.sharedBlockRoundTrip.map((block) => block.in),
      ['0.5135', '9.0e18', '5'],
      ['1.8e308', '0.1'],
      ['1e300', '5'],
      ['-9223372036854775808'],
      ['2.2250738585072014e-308'],
      ['123456789012345678901'],
      ['1e5', '1.5E-3'],
      ['3.141592653589793', '1e6'],
      ['0', '0.1'],
      ['-0.333333333333333', '12345.678', '1e-9'],
      ['4611686018427387905', '1'],
      ['99999999.99999999', '0.000001'],
      ['1e-300', '1e300', '7.25'],
    ];
    await server.import(blocks.map((block, at) => server.line(`v${at}`, block)).join(''));
    await server.flush();
    return Promise.all(blocks.map(async (block, at) => [block, await server.export(`v${at}`)]));
  },
  'native blocks, by the ways numbers are stored in': async (server) => {
    let seed = 7;
    const next = (below: number): number => {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((seed / 2 ** 32) * below);
    };
    const rows = (count: number, value: (at: number) => string | number): (string | number)[] =>
      Array.from({ length: count }, (_, at) => value(at));
    let total = 0;
    const count = (most: number): number => {
      total += next(most);
      return total;
    };
    const blocks = [
      [5],
      rows(40, () => 7),
      [3, 3, 3.5],
      rows(40, (at) => 100 - 7 * at),
      rows(10, () => count(1000)),
      rows(500, () => count(100_000)),
      rows(500, () => next(40_000) - 20_000),
      rows(500, () => (next(20) === 0 ? next(5) : 1000 + next(100_000))),
      rows(60, (at) => (at % 15 === 14 ? 0 : 1_000_000 + 1000 * at)),
      rows(60, () => `${next(500)}.${1 + next(9)}`),
      rows(60, () => `0.${1 + next(899_999_999)}${1 + next(9)}`),
      ['1e15', '0.123456', '1', '-2.5e7', '0'],
      rows(20, (at) => String(9_007_199_254_740_993n * BigInt(at + 1))),
      ['9223372036854775807', '-9223372036854775808', '0', '1'],
      ['7.77777777777e-200', '9.9e100', '1e-300'],
      ['7.77777777777e-200'],
      ['0.0000001', '0.00000015'],
      [0, 0, 0],
      ['inf', '1.5', '-inf'],
    ];
    await server.import(blocks.map((block, at) => server.line(`n${at}`, block)).join(''));
    const uneven = rows(300, (at) => T + at * 1000 + next(900));
    await server.import(
      server.line(
        'uneven',
        rows(300, (at) => at),
        uneven,
      ),
    );
    await server.flush();
    const names = [...blocks.keys()].map((at) => `n${at}`);
    const hour = { startMs: T, stopMs: T + 3_600_000 };
    return Promise.all([...names, 'uneven'].map(async (name) => [name, await server.native(name, hour)]));
  },
  'native blocks: names of series': async (server) => {
    const strange = `${Array.from({ length: 32 }, (_, at) => String.fromCharCode(at)).join('')}'"<>&/\u007f\u2028 größe 😀`;
    await server.import(server.line('names', [1], [T], { z: '', b: '2', a: '1', Ö: 'ö', __x: 'y', strange }));
    await server.flush();
    return server.native('names', { startMs: T, stopMs: T + 1 });
  },
  'native blocks are whole, whatever part of them was asked for': async (server) => {
    await server.import(
      server.line(
        'part',
        Array.from({ length: 50 }, (_, at) => at * at),
      ),
    );
    await server.flush();
    const ranges = [
      [T + 10, T + 20],
      // To the first ms of a day the old version finds nothing in that day, here and as JSON lines.
      [T - 1000, T + 2],
      [T + 49, T + 1000],
      [T - 1000, T],
      [T + 50, T + 1000],
    ] as const;
    return Promise.all(ranges.map(([startMs, stopMs]) => server.native('part', { startMs, stopMs })));
  },
  'native blocks: points twice, in one import and in another': async (server) => {
    await server.import(server.line('twice', [1, 1, 2, 3, 3], [T, T, T + 1000, T + 2000, T + 2000]));
    await server.import(server.line('twice', [1, 9], [T, T + 500]));
    await server.flush();
    const day = { startMs: T, stopMs: T + DAY_MS };
    const { rows } = (await server.native('twice', day)) as { rows: unknown };
    return [rows, await server.native('none', day)];
  },
  'native blocks want a selector': async (server) => plain(await server.ask('/api/v1/export/native')),
  'ten thousand random values': async (server) => {
    // A fixed sequence over many magnitudes, 50 values a block.
    let seed = 42;
    const next = (): number => {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
      return seed / 2 ** 32;
    };
    const blocks = Array.from({ length: 200 }, () => {
      const spread = next() * 20;
      return Array.from({ length: 50 }, () => String((next() - 0.5) * 10 ** Math.floor((next() - 0.5) * spread)));
    });
    await server.import(blocks.map((block, at) => server.line(`r${at}`, block)).join(''));
    await server.flush();
    return Promise.all(blocks.map((_, at) => server.export(`r${at}`)));
  },
  'odd lines are passed over with a 204': async (server) => {
    const p = server.prefix;
    const before = await settled(server);
    const odd = [
      'garbage',
      '',
      '  ',
      '"text"',
      '{"metric":{},"values":[1],"timestamps":[1678233600000]}',
      '{"values":[1],"timestamps":[1678233600000]}',
      `{"metric":{"__name__":"${p}.o0"},"values":[1]}`,
      `{"metric":{"__name__":"${p}.o1"},"values":[1,2],"timestamps":[${T}]}`,
      `{"metric":{"__name__":"${p}.o2"},"values":[1],"timestamps":["${T}"]}`,
      `{"metric":{"__name__":"${p}.o3"},"values":[1],"timestamps":[${T}.5]}`,
      `{"metric":{"__name__":"${p}.o4"},"values":[1,null,3],"timestamps":[${T},${T + 1},${T + 2}]}`,
      `{"metric":{"__name__":"${p}.o5"},"values":[1,NaN,3],"timestamps":[${T},${T + 1},${T + 2}]}`,
      `{"metric":{"__name__":"${p}.o6"},"values":[1,"NaN",3],"timestamps":[${T},${T + 1},${T + 2}]}`,
      `{"metric":{"__name__":"${p}.o7"},"values":["1.5"],"timestamps":[${T}]}`,
      `{"metric":{"__name__":"${p}.o8"},"values":[inf,-Inf,5],"timestamps":[${T},${T + 1},${T + 2}]}`,
      `{"metric":{"__name__":"${p}.o9"},"values":[],"timestamps":[]}`,
      `{"metric":{"__name__":"${p}.o10","a":5},"values":[1],"timestamps":[${T}]}`,
      `{"metric":{"__name__":"${p}.o11","a":"1","a":"2"},"values":[1],"timestamps":[${T}]}`,
      `[{"metric":{"__name__":"${p}.o12"},"values":[1],"timestamps":[${T}]}]`,
      `{"metric":{"__name__":"${p}.o13"},"values":[0x10],"timestamps":[${T}]}`,
      `{"metric":{"__name__":"${p}.o14"},"values":[true],"timestamps":[${T}]}`,
      `{"metric":{"__name__":"${p}.o15"},"values":[01,1.0,1E2],"timestamps":[${T},${T + 1},${T + 2}]}`,
      `{"metric":{"__name__":"${p}.o16"},"values":[.5],"timestamps":[${T}]}`,
      `{"metric":{"__name__":"${p}.o17"},"values":[+5],"timestamps":[${T}]}`,
      `{"metric":{"__name__":"${p}.o18"},"values":[1,2],"timestamps":[-5,${T}]}`,
      ` { "metric" : { "__name__" : "${p}.o19" } , "values" : [ 1 , 2 ] , "timestamps" : [ ${T} , ${T + 1} ] } \r`,
      `{"timestamps":[${T}],"values":[7],"metric":{"__name__":"${p}.o20"},"more":1}`,
      `{"metric":{"__name__":"${p}.o21"},"values":[1e400],"timestamps":[${T}]}`,
      `{"metric":{"__name__":"${p}.o22"},"values":[1,2],"timestamps":[0,${Date.now() + 10 * DAY_MS}]}`,
    ];
    const answer = await server.import(odd.join('\n'));
    const rows = 3000;
    await server.import(
      server.line(
        'sentinel',
        Array.from({ length: rows }, () => 1),
      ),
    );
    await server.flush();
    const counted = (after: Map<string, number>, name: string): number => (after.get(name) ?? 0) - (before.get(name) ?? 0);
    const after = await settled(server);
    return {
      answer: [answer.status, answer.body],
      stored: await Promise.all(Array.from({ length: 23 }, (_, at) => server.export(`o${at}`))),
      counters: ['vm_rows_inserted_total{type="vmimport"}', 'vm_rows_invalid_total{type="vmimport"}'].map((name) => counted(after, name)),
      ignored: ['small_timestamp', 'big_timestamp'].map((reason) => counted(after, `vm_rows_ignored_total{reason="${reason}"}`)),
    };
  },
  'times of an export': async (server) => {
    await server.import(server.line('t', [1, 2, 3], [T, T + 999, T + 60_000]));
    await server.flush();
    const s = T / 1000;
    const queries = [
      '',
      '&start=0',
      '&end=0',
      '&start=1',
      `&start=${s}&end=${s}`,
      `&start=${s}.001&end=${s}.999`,
      `&start=${s}.999`,
      `&start=${T}&end=${T}`,
      `&start=${T + 1}&end=${T + 60_000}`,
      `&start=${T + 1}&end=${T + 59_999}`,
      '&start=2023-03-08T00:00:00Z&end=2023-03-08T00:00:30Z',
      '&start=2023-03-08T01:00:00%2B01:00&end=2023-03-08T00:00:00.999Z',
      `&start=${s + 60}&end=${s}`,
      '&start=-10y',
      '&start=1e9',
      '&start=&end=',
      '&max_rows_per_line=1',
      '&max_rows_per_line=x',
      '&reduce_mem_usage=1&max_rows_per_line=2',
    ];
    return Promise.all(queries.map(async (query) => [query, await server.export('t', query)]));
  },
  'a bad time is a 400': async (server) => {
    const answers = await Promise.all(['&start=abc', '&end=1x'].map((query) => server.ask(`/api/v1/export?match[]=x${query}`)));
    return answers.map(({ status, type }) => [status, type]);
  },
  selectors: async (server) => {
    const p = server.prefix;
    await server.import(
      server.line('s', [1], [T], { host: 'x', dc: 'q"\\' }) + server.line('s', [2], [T], { host: 'y' }) + server.line('S', [3], [T]),
    );
    await server.flush();
    const selectors = [
      `{__name__="${p}.s"}`,
      `{__name__="${p}.s",host="x"}`,
      `{__name__="${p}.s",host!="x"}`,
      `{__name__="${p}.s",host=~"x|y"}`,
      `{__name__="${p}.s",host=~"^x$"}`,
      `{__name__="${p}.s",host!~"x.*"}`,
      `{__name__="${p}.s",dc=""}`,
      `{__name__="${p}.s",dc!=""}`,
      `{__name__="${p}.s",dc=~""}`,
      `{__name__=~"(?i)${p}.s"}`,
      `{__name__=~"${p}\\\\.[sS]"}`,
      `{__name__="${p}.s",}`,
      `{__name__='${p}.s',host='y'}`,
      `{host="y",__name__="${p}.s"}`,
      `{__name__="${p}.s",dc="q\\"\\\\"}`,
      `{__name__="${p}.s",host="\\x78"}`,
      `${p}.s`,
      `${p}.s{host="y"}`,
      `{__name__="${p}`,
      '{}',
      '',
      `{__name__="${p}.s",host=x}`,
      '{__name__=~"["}',
    ];
    return Promise.all(selectors.map(async (selector) => [selector, await server.exportSelector(selector)]));
  },
  'encodings, whole and cut in half': async (server) => {
    const body = (suffix: string): string =>
      Array.from({ length: 200 }, (_, series) =>
        server.line(
          suffix,
          Array.from({ length: 400 }, (_, at) => (Math.sin(at * series) * 1000).toFixed(3)),
          Array.from({ length: 400 }, (_, at) => T + at * 60_000),
          { i: String(series) },
        ),
      ).join('');
    const half = (whole: Buffer): Buffer => whole.subarray(0, whole.length >> 1);
    const twice =
      (pack: (text: string) => Buffer) =>
      (text: string): Buffer => {
        const middle = text.indexOf('\n', text.length >> 1) + 1;
        return Buffer.concat([pack(text.slice(0, middle)), pack(text.slice(middle))]);
      };
    const tries: [suffix: string, encoding: string | undefined, pack: (text: string) => Buffer][] = [
      ['plain', undefined, Buffer.from],
      ['gzip', 'gzip', gzipSync],
      ['gzipcut', 'gzip', (text) => half(gzipSync(text))],
      ['gziptwo', 'gzip', twice(gzipSync)],
      ['gzipjunk', 'gzip', () => Buffer.from('garbage garbage')],
      ['deflate', 'deflate', deflateSync],
      ['zstd', 'zstd', zstdCompressSync],
      ['zstdcut', 'zstd', (text) => half(zstdCompressSync(text))],
      ['zstdtwo', 'zstd', twice(zstdCompressSync)],
      ['zstdjunk', 'zstd', () => Buffer.from('garbage garbage')],
      ['zstdbare', undefined, zstdCompressSync],
      ['snappyjunk', 'snappy', () => Buffer.from('garbage garbage')],
      ['br', 'br', brotliCompressSync],
      ['notbr', 'br', Buffer.from],
      ['unknown', 'foo', Buffer.from],
    ];
    const seen: unknown[] = [];
    for (const [suffix, encoding, pack] of tries) {
      const { status } = await server.import(pack(body(suffix)), encoding === undefined ? {} : { 'content-encoding': encoding });
      await server.flush();
      // A server that refuses before it has read the body may close the connection under the sender, who then never sees the 400.
      seen.push([
        suffix,
        status === 0 ? 400 : status,
        await server.query(`sum(count_over_time({__name__="${server.prefix}.${suffix}"}[3d]))`, T + 2 * DAY_MS),
      ]);
    }
    return seen;
  },
  'a line that is far too long': async (server) => {
    const count = 1_300_000;
    const long = server.line(
      'long',
      Array.from({ length: count }, () => 1),
      Array.from({ length: count }, (_, at) => T + at),
    );
    const { status } = await server.import(server.line('before', [1]) + long + server.line('behind', [1]));
    await server.flush();
    const points = (suffix: string): Promise<unknown> =>
      server.query(`sum(count_over_time({__name__="${server.prefix}.${suffix}"}[3d]))`, T + 2 * DAY_MS);
    return [status, await points('before'), await points('long'), await points('behind')];
  },
  'lines of a long series': async (server) => {
    const count = 20_000;
    await server.import(
      server.line(
        'big',
        Array.from({ length: count }, (_, at) => at % 100),
        Array.from({ length: count }, (_, at) => T + at * 1000),
      ),
    );
    await server.flush();
    const lengths = async (query: string): Promise<number[]> =>
      ((await server.export('big', query)) as string[])
        .filter((line) => line !== '')
        .map((line) => (JSON.parse(line) as { values: [] }).values.length)
        .sort((a, b) => a - b);
    return Promise.all(['', '&reduce_mem_usage=1', '&max_rows_per_line=9000', '&reduce_mem_usage=1&max_rows_per_line=5000'].map(lengths));
  },
  'counting queries': async (server) => {
    const p = server.prefix;
    await server.import(
      server.line('q', [1, 2, 3], [T, T + 1000, T + 2000], { host: 'x' }) +
        server.line('q', [1], [T], { host: 'y' }) +
        server.line('q2', [1], [T], { host: 'x' }),
    );
    await server.flush();
    const q = `{__name__="${p}.q"}`;
    const queries: [string, number][] = [
      [`count_over_time(${q}[1h])`, T + 2000],
      [`count_over_time(${q}[2s])`, T + 2000],
      [`count_over_time(${q}[2001ms])`, T + 2000],
      [`count_over_time(${q}[1.5s])`, T + 2000],
      [`count_over_time(${q}[1h30m])`, T + 1000],
      [`count_over_time(${q}[3600])`, T + 999],
      [`count_over_time(${q}[1h] offset 30m)`, T + 1_801_000],
      [`count_over_time(${q}[1h]) keep_metric_names`, T + 2000],
      [`min(rollup_scrape_interval(${q}[1h]))`, T + 2000],
      [`count(rollup_scrape_interval(${q}[1h])) by (rollup)`, T + 2000],
      [`sum(count_over_time(${q}[1h]))`, T + 2000],
      [`SUM(count_over_time(${q}[1h]))`, T + 2000],
      [`sum(count_over_time(${q}[1h])) by (host, zone)`, T + 2000],
      [`sum by (__name__) (count_over_time({__name__=~"${p}.q.?"}[1h]))`, T + 2000],
      [`sum by (__name__) (count_over_time({__name__=~"${p}.q.?"}[1h]) keep_metric_names)`, T + 2000],
      [`count_over_time({__name__=~"${p}.q.?"}[1h])`, T + 2000],
      [`count(count_over_time(${q}[1h]))`, T + 2000],
      [`sum(count_over_time({__name__="${p}.none"}[1h]))`, T + 2000],
      ['sum(', T],
      ['', T],
    ];
    const answers: unknown[] = [];
    for (const [query, time] of queries) answers.push([query, await server.query(query, time)]);
    return answers;
  },
  'series of the past are not listed without times': async (server) => {
    await server.import(server.line('old', [1], [T], { host: `${server.prefix}-h` }));
    await server.flush();
    const match = `match[]=${encodeURIComponent(`{__name__="${server.prefix}.old"}`)}`;
    const paths = [
      `series?${match}`,
      `series?start=0&${match}`,
      `series?start=1&${match}`,
      `series?start=${T / 1000}&end=${T / 1000 + 1}&${match}`,
      'series',
      `label/host/values?start=1&${match}`,
      `labels?start=1&${match}`,
    ];
    return Promise.all(paths.map(async (path) => plain(await server.ask(`/api/v1/${path}`))));
  },
  'deleting, and importing again': async (server) => {
    await server.import(server.line('d', [1, 2]));
    await server.flush();
    const match = `match[]=${encodeURIComponent(`{__name__="${server.prefix}.d"}`)}`;
    const deleted = await server.ask(`/api/v1/admin/tsdb/delete_series?${match}`, { method: 'POST' });
    const after = await server.export('d');
    await server.import(server.line('d', [8]));
    await server.flush();
    return [
      deleted.status,
      after,
      await server.export('d'),
      plain(await server.ask('/api/v1/admin/tsdb/delete_series', { method: 'POST' })),
    ];
  },
  'small pages': async (server) => {
    const get = async (path: string, options?: Ask): Promise<unknown> => {
      const answer = await server.ask(path, options);
      return [path, answer.type, plain(answer)];
    };
    const { body: flags } = await server.ask('/flags');
    return [
      await get('/health'),
      await get('/ready'),
      await get('/-/healthy'),
      await get('/internal/force_flush'),
      await get('/internal/force_flush', { method: 'POST' }),
      await get('/internal/resetRollupResultCache'),
      await get('/api/v1/export'),
      await get('/api/v1/nope'),
      await get('/api/put', { method: 'POST', body: '[]' }),
      await get('/api/v1/import/', { method: 'POST', body: '' }),
      await get('/insert/0/prometheus/api/v1/import', { method: 'POST', body: '' }),
      await get('/api/v1/import'),
      await get('/api/v1/import', { method: 'POST', body: '' }),
      await get('/prometheus/api/v1/import', { method: 'POST', body: '' }),
      await get('/api/v1/status/buildinfo'),
      await get('/api/v1/import/prometheus', { method: 'POST', body: '' }),
      flags.includes('-retentionPeriod='),
    ];
  },
};

/** Debian's build does not tell its version anywhere; that it is the old one shows in its empty build information. */
async function versionOf(url: string): Promise<VictoriaMetricsVersion> {
  const { body } = await ask(`${url}/api/v1/status/buildinfo`);
  return body.includes('"version"') ? '1.147' : '1.79';
}

const real = await realServer('victoria-metrics');

describe.skipIf(!real.there)('the VictoriaMetrics stand-in and the real one', async () => {
  if (!real.there) return;
  const standIn = await startVictoriaMetrics({ version: await versionOf(real.url) });
  afterAll(async () => {
    await standIn.close();
    await real.stop();
  });
  test.each(Object.entries(CASES).map(([name, run], at) => ({ name, run, at })))('$name', async ({ run, at }) => {
    const [ours, theirs] = [
      await run(new Server(standIn.url, `c${at}`, standIn.version)),
      await run(new Server(real.url, `c${at}`, standIn.version)),
    ];
    expect(ours).toEqual(theirs);
  });
});

const short = await realServer('victoria-metrics', { own: true, retention: '60d' });

describe.skipIf(!short.there)('with 60 days of retention', async () => {
  if (!short.there) return;
  const standIn = await startVictoriaMetrics({ version: await versionOf(short.url), retentionMs: 60 * DAY_MS });
  afterAll(async () => {
    await standIn.close();
    await short.stop();
  });
  test('what is too old, or too new, is dropped with a 204 and counted', async () => {
    const run = async (server: Server): Promise<unknown> => {
      const now = Date.now();
      const line = server.line('r', [1, 2, 3, 4, 5], [now - 61 * DAY_MS, now - 59 * DAY_MS, now - 1000, now + DAY_MS, now + 4 * DAY_MS]);
      const { status } = await server.import(line);
      await server.flush();
      const after = await settled(server);
      const lines = (await server.export('r', `&end=${Math.floor(now / 1000) + 5 * 86_400}`)) as string[];
      const values = lines.filter((one) => one !== '').map((one) => (JSON.parse(one) as { values: number[] }).values);
      return [
        status,
        values,
        after.get('vm_rows_ignored_total{reason="small_timestamp"}'),
        after.get('vm_rows_ignored_total{reason="big_timestamp"}'),
      ];
    };
    expect(await run(new Server(standIn.url, 'short'))).toEqual(await run(new Server(short.url, 'short')));
  });
});
