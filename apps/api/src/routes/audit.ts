/** The audit log, page after page, oldest first. */
import type { AuditEntry } from '@longshore/core';
import { z } from 'zod';
import type { ApiSetup } from '../setup.ts';
import type { Api } from './api.ts';

const PAGE = 100;
const MAX_PAGE = 1_000;
/** Entries looked at for one answer when only one operation's are wanted; the cursor goes on from there. */
const MAX_LOOKED_AT = 20_000;

const query = z.strictObject({
  /** `next` of the page before. */
  cursor: z
    .string()
    .regex(/^\d{1,15}(-\d{1,20})?$/)
    .optional(),
  /** From this time on, in milliseconds since the epoch. */
  since: z.coerce.number().int().min(1).max(1e14).optional(),
  operation: z.string().min(1).max(64).optional(),
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(PAGE),
});

export function auditRoutes(api: Api, { engine }: ApiSetup): void {
  api.get('/v1/audit', { schema: { querystring: query } }, async (request) => {
    const { cursor, since, operation, limit } = request.query;
    const entries: AuditEntry[] = [];
    let after = cursor ?? (since === undefined ? undefined : String(since - 1));
    for (let looked = 0; looked < MAX_LOOKED_AT; ) {
      const page = await engine.store.auditEntries(after, MAX_PAGE);
      looked += page.length;
      for (const entry of page) {
        after = entry.id;
        if (operation === undefined || entry.operation === operation) entries.push(entry);
        if (entries.length === limit) return { entries, next: after };
      }
      if (page.length < MAX_PAGE) return { entries };
    }
    return { entries, ...(after === undefined ? {} : { next: after }) };
  });
}
