/** Reads: the ops of a cluster, and its tables. Their answer is the output of their one task. */
import type { Json, KindDefinition } from '@longshore/core';
import { defineKind } from '@longshore/core';
import { ShowOpStatusParams, ShowTableStatusParams } from '../params.ts';
import { taskName } from '../tasks/settings.ts';

function reading<P>(name: string, title: string, params: KindDefinition<P>['params']): KindDefinition<P> {
  return defineKind<P>({
    name: `openmldb.${name}`,
    title,
    role: 'rebalancer',
    params,
    tolerant: false,
    reads: true,
    columns: [],
    async plan(context) {
      return {
        summary: [title],
        stages: [
          {
            name: 'show',
            title: 'read it',
            concurrency: 1,
            tasks: [{ id: 'show', task: taskName('rebalancer', name), params: context.params as Json, placement: 'role' }],
          },
        ],
        expect: {},
        data: null,
      };
    },
    conclude: () => ({ ok: true }),
  });
}

export const showOpStatusKind: KindDefinition<ShowOpStatusParams> = reading(
  'show-op-status',
  'OpenMLDB: show the ops of a cluster',
  ShowOpStatusParams,
);
export const showTableStatusKind: KindDefinition<ShowTableStatusParams> = reading(
  'show-table-status',
  'OpenMLDB: show the tables of a cluster',
  ShowTableStatusParams,
);
