/** Time series: a row a metric; success is what was read back. */
import type { KindView } from '../view.ts';

const SUCCESS: Readonly<Record<string, (id: string) => string>> = {
  'tsdb.migrate': () => 'every point that was planned has been read back from where it was to go.',
  'tsdb.follow': () => 'every point that the source had, up to the end that was asked for, has been read back from where it was to go.',
  'tsdb.restore': () => 'every point of the dump has been read back from where it was to go.',
  'tsdb.dump': (id) => `everything lies in the spool; \`longshore tsdb restore --from ${id} --sink …\` takes it from there.`,
  'tsdb.verify': () => 'both sides hold the same points.',
  'tsdb.inspect': () => 'everything could be read.',
};

export const tsdbView: KindView = {
  kinds: 'tsdb.',
  rowName: 'metric',
  success: (kind, id) => SUCCESS[kind]?.(id),
  afterCancel: 'The same command with --existing fill goes on from there.',
};
