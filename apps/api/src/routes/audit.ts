/** The audit log, page after page, oldest first. */
import { MAX_AUDIT_PAGE, SCHEMAS } from '@longshore/contract';
import type { AuditEntry } from '@longshore/core';
import type { ApiSetup } from '../setup.ts';
import type { Api } from './api.ts';

const PAGE = 100;
/** Entries looked at for one answer when only one operation's are wanted; the cursor goes on from there. */
const MAX_LOOKED_AT = 20_000;

const { query } = SCHEMAS['GET /v1/audit'];

export function auditRoutes(api: Api, { engine }: ApiSetup): void {
  api.get('/v1/audit', { schema: { querystring: query } }, async (request) => {
    const { cursor, since, operation, limit = PAGE } = request.query;
    const entries: AuditEntry[] = [];
    let after = cursor ?? (since === undefined ? undefined : String(since - 1));
    for (let looked = 0; looked < MAX_LOOKED_AT; ) {
      const page = await engine.store.auditEntries(after, MAX_AUDIT_PAGE);
      looked += page.length;
      for (const entry of page) {
        after = entry.id;
        if (operation === undefined || entry.operation === operation) entries.push(entry);
        if (entries.length === limit) return { entries, next: after };
      }
      if (page.length < MAX_AUDIT_PAGE) return { entries };
    }
    return { entries, ...(after === undefined ? {} : { next: after }) };
  });
}
