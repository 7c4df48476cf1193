/**
 * Backs up every file that is about to be edited, and that of the replica that goes: checked for soundness, copied by SQLite itself, with a
 * checksum.
 *
 * Changes: files in a directory of its own on each host. They stay; a person removes them.
 * Twice is harmless: the name is the operation's own, and an older copy of the same name is replaced.
 */
import type { TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { openNamespace } from '../../open.ts';
import { BRISK } from '../settings.ts';
import type { ManualParams } from './base.ts';
import { ManualBase, manualParams } from './base.ts';

export const backup: TaskDefinition<ManualParams> = defineTask({
  name: 'openio.backup',
  role: 'rebalancer',
  params: manualParams,
  retry: BRISK,

  async run(context) {
    const { params } = context;
    await using namespace = openNamespace(context, params);
    const base = new ManualBase(context, namespace, params);
    const taken: Record<string, { path: string; sha256: string }> = {};
    for (const file of await base.files([...params.kept, params.from])) {
      const isKept = params.kept.includes(file.id);
      // The one that goes may be on a host that is gone.
      if (!isKept && !(await file.host.exists(file.path).catch(() => false))) continue;
      const folder = params.backup ?? `${file.volume}/longshore-backup`;
      const to = `${folder}/${base.base}.${file.id.replace(/[^\w.-]/g, '-')}.${context.operation.id}`;
      await context.effect<boolean>({
        key: `backup-${file.id}`,
        what: `back ${file.path} up at ${file.host.name}`,
        observe: async () => (await file.host.exists(to)) && (await file.host.quickCheck(to).catch(() => '')) === 'ok',
        wanted: true,
        act: async () => {
          if (isKept) await base.assertSound(file);
          await file.host.backup(file.path, to);
        },
      });
      taken[file.id] = { path: to, sha256: await file.host.sha256(to) };
      context.note({
        level: 'info',
        row: params.name,
        text: `backup of ${file.id} at ${file.host.name}: ${to}, sha256 ${taken[file.id]!.sha256}`,
      });
    }
    return { output: { backups: taken } };
  },

  undo: { none: 'backups are kept' },
});
