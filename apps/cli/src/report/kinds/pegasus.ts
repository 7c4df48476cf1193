/** Pegasus: a row a partition; success is what the target has. */
import type { KindView } from '../view.ts';

const SUCCESS: Readonly<Record<string, string>> = {
  'pegasus.migrate-table': 'what had been committed when the writes were denied is at the target, by the proof told above.',
  'pegasus.cleanup': 'what the migration had left at the source is gone.',
  'pegasus.finish': 'the clients of the source look up where their table is.',
  'pegasus.lift': 'clients may write again, as soon as the replicas have learnt of it.',
};

export const pegasusView: KindView = {
  kinds: 'pegasus.',
  rowName: 'partition',
  success: (kind) => SUCCESS[kind],
  afterCancel: 'The duplication stays; the same command takes it up and goes on from there.',
};
