/** Where emitted stages go, for what no recorded case has. */
import { afterEach, expect, test } from 'vitest';
import type { Harness } from '../../../packages/operations/test/engine.ts';
import { harness } from '../../../packages/operations/test/engine.ts';
import type { VectorDefinition } from '../../vectors/vitess-scripted.ts';
import { KIND, scripted } from '../../vectors/vitess-scripted.ts';

let h: Harness;
afterEach(() => h.stop());

test('of two emitters of one stage the later one’s stages come first', async () => {
  const leaf = (n: string) => ({ parallel_tasks: [{ name: 'Echo', parameters: { n } }] });
  const define = (emits: VectorDefinition['emits']): VectorDefinition => ({
    required: ['n'],
    optional: [],
    output: '',
    error: '',
    emits,
  });
  const definitions = new Map([
    [
      'Root',
      define([
        {
          parallel_tasks: [
            { name: 'A', parameters: { n: 'a' } },
            { name: 'B', parameters: { n: 'b' } },
          ],
        },
        leaf('end'),
      ]),
    ],
    ['A', define([leaf('a1'), leaf('a2')])],
    ['B', define([leaf('b1'), leaf('b2')])],
    ['Echo', define([])],
  ]);
  const executed: string[] = [];
  h = harness({ system: scripted({ definitions, during: async (_id, { parameters }) => void executed.push(parameters.n!) }) });
  const id = (
    await h.service.submit({ kind: KIND, params: { containers: [[{ name: 'Root', parameters: { n: 'root' } }]] }, owner: 'tester' })
  ).id;
  expect((await h.settle(id)).state).toBe('succeeded');
  expect(executed).toEqual(['root', 'a', 'b', 'b1', 'b2', 'a1', 'a2', 'end']);
  const ids = (await h.service.plan(id)).stages.flatMap(({ tasks }) => tasks!.map((task) => task.id));
  expect(ids).toEqual(['1', '2', '3', '7', '8', '5', '6', '4']);
});
