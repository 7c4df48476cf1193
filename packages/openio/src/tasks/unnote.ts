/** What follows a move in the rdir: its index of the old service has the base no more. It is an index, so that a move does not fail with it. */
import type { TaskContext } from '@longshore/core';
import { LongshoreError } from '@longshore/core';
import { forgetNoted } from '../client/rdir.ts';

export async function unnote(
  context: TaskContext<unknown>,
  rdir: string | undefined,
  service: string,
  { namespace, name, cid }: { namespace: string; name: string; cid: string },
): Promise<void> {
  if (rdir === undefined) return;
  try {
    await forgetNoted(rdir, service, { cid, url: `${namespace}/${name}` }, context);
  } catch (error) {
    if (!(error instanceof LongshoreError) || context.signal.aborted) throw error;
    context.note({ level: 'warning', row: name, text: `the rdir still lists ${name} at ${service}: ${error.message}` });
  }
}
