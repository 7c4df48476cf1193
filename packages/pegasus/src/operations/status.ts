/** Where a table stands: what is denied, what is duplicated and how far, where the meta proxy points. Only reads. */
import type { KindDefinition } from '@longshore/core';
import { defineKind } from '@longshore/core';
import { StatusParams } from '../params.ts';

export const status: KindDefinition<StatusParams> = defineKind({
  name: 'pegasus.status',
  title: 'Pegasus: where a table stands, its denial, its duplications and the meta proxy',
  role: 'migrator',
  params: StatusParams,
  tolerant: false,
  reads: true,
  columns: ['committed', 'confirmed', 'waiting'],

  async plan({ params }) {
    const { table, source } = params;
    return {
      summary: [`read where ${table} at ${source} stands`],
      stages: [
        {
          name: 'read',
          title: 'read',
          concurrency: 1,
          tasks: [{ id: 'read', task: 'pegasus.read-status', params: JSON.parse(JSON.stringify(params)), placement: 'role' }],
        },
      ],
      expect: {},
      data: null,
    };
  },

  conclude: () => ({ ok: true }),
});
