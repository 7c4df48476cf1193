/**
 * Makes the folder a dump goes to, with its parents.
 *
 * Changes: the folder. Twice is harmless: one that is there stays.
 */
import type { TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { z } from 'zod';
import { kildaFolder } from '../client/kilda/index.ts';

export const makeFolder: TaskDefinition<{ folder: string }> = defineTask({
  name: 'tsdb.make-folder',
  role: 'dumper',
  params: z.strictObject({ folder: z.string() }),
  retry: { attempts: 2, firstPauseMs: 500, maxPauseMs: 500 },
  undo: { none: 'an empty folder harms nobody, and it may have been there before' },

  async run({ params, target }) {
    await using folder = target(params.folder, kildaFolder);
    await folder.make();
    return undefined;
  },
});
