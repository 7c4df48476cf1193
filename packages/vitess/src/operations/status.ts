/** The true state of a keyspace, read from its vtctld: who serves, what copies, what is unsafe. */
import type { Json, KindDefinition } from '@longshore/core';
import { defineKind } from '@longshore/core';
import { StatusParams } from '../params.ts';

export const statusKind: KindDefinition<StatusParams> = defineKind({
  name: 'vitess.status',
  title: 'Look at a keyspace of Vitess: who serves, what copies where, what is unsafe',
  role: 'migrator',
  params: StatusParams,
  tolerant: false,
  reads: true,
  columns: [],
  plan: async ({ params }) => ({
    summary: [`look at ${params.keyspace}`],
    stages: [
      {
        name: 'status',
        title: `look at ${params.keyspace}`,
        concurrency: 1,
        tasks: [{ id: 'status', task: 'vitess.read-status', params: params as unknown as Json, placement: 'role' }],
      },
    ],
    expect: {},
    data: null,
  }),
  conclude: () => ({ ok: true }),
});
