/** Tasks that do nothing, as many as asked for: measures the engine. */
import type { KindDefinition, StageSpec, TaskSpec } from '@longshore/core';
import { defineKind } from '@longshore/core';
import { z } from 'zod';
import { NoopParams } from '../params.ts';

const task = (stage: number, index: number, pauseMs: number): TaskSpec => ({
  id: `noop-${stage}-${index}`,
  task: 'counter.noop',
  params: { pauseMs },
  placement: 'role',
});

const units = z.object({ stage: z.int(), pauseMs: z.int() });

export const noopKind: KindDefinition<NoopParams> = defineKind({
  name: 'counter.noop',
  title: 'Demonstration: tasks that do nothing, to measure the engine',
  role: 'migrator',
  params: NoopParams,
  tolerant: false,
  columns: [],

  async plan({ params }) {
    const { tasks, stages, concurrency, bulk, pauseMs } = params;
    return {
      summary: [`${stages} × ${tasks} tasks that do nothing, ${concurrency} at a time`],
      expect: { noops: tasks * stages },
      data: null,
      stages: Array.from(
        { length: stages },
        (_, at): StageSpec => ({
          name: `noop-${at + 1}`,
          title: `do nothing, ${at + 1} of ${stages}`,
          concurrency,
          ...(bulk
            ? { bulk: { count: tasks, params: { stage: at + 1, pauseMs } } }
            : { tasks: Array.from({ length: tasks }, (_, index) => task(at + 1, index, pauseMs)) }),
        }),
      ),
    };
  },

  expand(_plan, spec, index) {
    const { stage, pauseMs } = units.parse(spec.bulk?.params);
    return [task(stage, index, pauseMs)];
  },

  conclude: () => ({ ok: true }),
});
