/**
 * An rdir: which bases a service has, by its notes. Routes and shapes are from OpenIO's sources; they were not run against a real one.
 */
import type { Clock, Random, RetryPolicy } from '@longshore/core';
import type { HttpRequest } from '@longshore/http';
import { openHttp, retry } from '@longshore/http';
import { z } from 'zod';
import { NotUnderstood, refusalOf } from './errors.ts';

const DEADLINE_MS = 30_000;
const PAGE = 4_096;
const ANSWER_BYTES = 64 << 20;
const SHOWN = 200;
const READS: RetryPolicy = { attempts: 5, firstPauseMs: 100, maxPauseMs: 5_000 };

const record = z.object({ container_id: z.string(), container_url: z.string().optional() });
const page = z.union([z.array(record), z.object({ records: z.array(record) }).transform(({ records }) => records)]);

interface Able {
  clock: Clock;
  random: Random;
  signal: AbortSignal;
}

type Request = Omit<HttpRequest, 'signal' | 'deadlineMs'>;

/** The body of what an rdir answers; throws what it refuses. Both its changes and its reads may be repeated. */
async function ask(address: string, request: Request, { clock, random, signal }: Able): Promise<string> {
  await using http = openHttp({ base: address, clock });
  const once = async (): Promise<string> => {
    const { status, ...reply } = await http.request({ ...request, signal, deadlineMs: DEADLINE_MS });
    const text = await reply.text(ANSWER_BYTES);
    if (status >= 300) throw refusalOf({ what: request.what, proxy: address, code: status, answer: text.slice(0, SHOWN) }, status);
    return text;
  };
  return retry(READS, clock, random, once, { signal });
}

/** Ids of the containers a service has noted. */
export async function noted(address: string, service: string, able: Able): Promise<string[]> {
  const found: string[] = [];
  for (let marker = ''; ; ) {
    const what = `list the bases that ${service} has noted`;
    const query = { vol: service, limit: PAGE, ...(marker === '' ? {} : { marker }) };
    const records = recordsOf(what, address, await ask(address, { method: 'GET', path: '/v1/rdir/meta2/fetch', query, what }, able));
    for (const { container_id: id } of records) found.push(id.split('.')[0]!.toUpperCase());
    const last = records.at(-1);
    if (records.length < PAGE || !last) return found;
    marker = last.container_url ?? last.container_id;
  }
}

function recordsOf(what: string, proxy: string, text: string): z.infer<typeof page> {
  try {
    return page.parse(JSON.parse(text));
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof z.ZodError)) throw error;
    throw NotUnderstood({ what, proxy, problem: text.slice(0, SHOWN) }, { cause: error });
  }
}

/** Has it forget that a service has a base. The new one is noted by the services themselves. */
export async function forgetNoted(address: string, service: string, base: { cid: string; url: string }, able: Able): Promise<void> {
  const body = JSON.stringify({ container_id: base.cid, container_url: base.url });
  const headers = { 'content-type': 'application/json' };
  const what = `forget that ${service} has ${base.url}`;
  await ask(address, { method: 'POST', path: '/v1/rdir/meta2/delete', query: { vol: service }, headers, body, what }, able);
}
