/** Shapes of what proxies answer; fields nobody here needs are passed over. */
import { z } from 'zod';
import type { BaseProperties, MemberState, PeerAnswers, Reference, Service } from '../model.ts';

export const nothing: z.ZodType<unknown> = z.unknown();

const tags = z.looseObject({
  'tag.loc': z.string().default(''),
  'tag.up': z.boolean().default(false),
  'tag.slots': z.string().default(''),
  'tag.vol': z.string().default(''),
  'tag.service_id': z.string().optional(),
  'stat.space': z.number().optional(),
});

export const services: z.ZodType<Service[]> = z.array(z.object({ addr: z.string(), score: z.number(), tags })).transform((all) =>
  all.map(({ addr, score, tags: of }) => ({
    // With an id of its own, that one is what meta1 and `sys.peers` hold.
    id: of['tag.service_id'] ?? addr,
    location: of['tag.loc'],
    score,
    up: of['tag.up'],
    slots: of['tag.slots'].split(',').filter((slot) => slot !== ''),
    volume: of['tag.vol'],
    spacePercent: of['stat.space'],
  })),
);

export const reference: z.ZodType<Reference> = z
  .object({
    srv: z.array(z.object({ seq: z.int(), type: z.string(), host: z.string(), args: z.string().default('') })),
    cid: z.string(),
    account: z.string().default(''),
    name: z.string().default(''),
  })
  .transform(({ srv, cid, account, name }) => {
    const rows = new Map<number, { seq: number; hosts: string[]; args: string }>();
    for (const { seq, type, host, args } of srv) {
      if (type !== 'meta2') continue;
      const row = rows.get(seq) ?? { seq, hosts: [], args };
      row.hosts.push(host);
      rows.set(seq, row);
    }
    return { cid, account, name, rows: [...rows.values()].map((row) => ({ ...row, hosts: row.hosts.sort() })) };
  });

const peerAnswer = z.object({ status: z.object({ status: z.int(), message: z.string() }), body: z.unknown() });

export const perPeer: z.ZodType<PeerAnswers> = z
  .record(z.string(), peerAnswer)
  .transform(
    (all) => new Map(Object.entries(all).map(([id, { status, body }]) => [id, { code: status.status, message: status.message, body }])),
  );

export const member: z.ZodType<MemberState> = z
  .object({
    local: z.object({ id: z.int().nullable(), url: z.string(), state: z.string() }),
    master: z.object({ id: z.int().nullable(), url: z.string().nullable() }),
    peers: z.array(z.string()).nullable(),
    log: z.array(z.string()),
  })
  .transform(({ local, master, peers, log }) => ({
    url: local.url,
    state: local.state,
    id: local.id,
    masterUrl: master.url,
    masterId: master.id,
    peers,
    log,
  }));

const flat = z.object({ properties: z.record(z.string(), z.string()), system: z.record(z.string(), z.string()) });
/** Asked of one service by its id, a proxy may wrap the answer as it does for several. */
export const baseProperties: z.ZodType<BaseProperties> = z.union([
  flat,
  z
    .record(z.string(), z.object({ status: z.object({ status: z.literal(200) }), body: flat }))
    .refine((all) => Object.keys(all).length === 1, 'more than one answer')
    .transform((all) => Object.values(all)[0]!.body),
]);

export const deleted: z.ZodType<{ deleted: boolean }> = z.object({ deleted: z.boolean() });
export const config: z.ZodType<Record<string, string>> = z
  .record(z.string(), z.unknown())
  .transform((all) => Object.fromEntries(Object.entries(all).map(([key, value]) => [key, String(value)])));
