/**
 * An rdir: which bases a service has, by its own notes. Routes and shapes are from OpenIO's sources; they were not run against a real one.
 */
import type { Clock, Random, RetryPolicy } from '@longshore/core';
import { openHttp, retry } from '@longshore/http';
import { z } from 'zod';

const DEADLINE_MS = 30_000;
const PAGE = 4_096;
const ANSWER_BYTES = 64 << 20;
const READS: RetryPolicy = { attempts: 5, firstPauseMs: 100, maxPauseMs: 5_000 };

const record = z.object({ container_id: z.string(), container_url: z.string().optional() });
const page = z.union([z.array(record), z.object({ records: z.array(record) }).transform(({ records }) => records)]);

/** Ids of the containers a service has noted. */
export async function noted(
  address: string,
  service: string,
  { clock, random, signal }: { clock: Clock; random: Random; signal: AbortSignal },
): Promise<string[]> {
  await using http = openHttp({ base: address, clock });
  const found: string[] = [];
  for (let marker = ''; ; ) {
    const once = async (): Promise<z.infer<typeof page>> => {
      const reply = await http.request({
        method: 'GET',
        path: '/v1/rdir/meta2/fetch',
        query: { vol: service, limit: PAGE, ...(marker === '' ? {} : { marker }) },
        signal,
        deadlineMs: DEADLINE_MS,
        what: `list the bases that ${service} has noted`,
      });
      return page.parse(await reply.json(ANSWER_BYTES));
    };
    const records = await retry(READS, clock, random, once, { signal });
    for (const { container_id: id } of records) found.push(id.split('.')[0]!.toUpperCase());
    const last = records.at(-1);
    if (records.length < PAGE || !last) return found;
    marker = last.container_url ?? last.container_id;
  }
}
