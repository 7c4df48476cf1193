/** What the real automation of Vitess 7 did, case by case; each file says of what kind it is. */
import { REGISTERED } from '@longshore/vitess';
import type { Vector } from './harness.ts';
import { vectorSuite } from './harness.ts';
import { runBuiltin, runEnqueue, runLeaves } from './vitess-automation.ts';
import { runResume } from './vitess-resume.ts';
import { runQueue, runScripted } from './vitess-scheduling.ts';
import { anyCase } from './vitess-shapes.ts';

vectorSuite('vitess', {
  run: async ({ data }: Vector) => {
    const recorded = anyCase.parse(data);
    switch (recorded.kind) {
      case 'builtin_tasks':
        return runBuiltin(recorded);
      case 'leaf_tasks':
        return runLeaves(recorded);
      case 'enqueue':
        return runEnqueue(recorded, REGISTERED);
      case 'scripted_tasks':
        return runScripted(recorded);
      case 'resume':
        return runResume(recorded);
      case 'queue':
        return runQueue(recorded);
    }
  },
});
