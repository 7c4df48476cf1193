/** The namespace an operation works on, from its parameters. */
import type { TaskContext } from '@longshore/core';
import { Namespace, oioProxy } from './client/index.ts';
import { NoNamespace } from './errors.ts';
import type { Where } from './params.ts';

export function openNamespace(context: Pick<TaskContext<unknown>, 'target'>, { proxies, namespace }: Where): Namespace {
  const opened = proxies.map((proxy) => context.target(proxy, oioProxy(namespace)));
  const [first] = opened;
  if (!first || first.namespace === '') throw NoNamespace({ proxy: proxies[0] ?? 'the proxy' });
  return new Namespace(first.namespace, opened);
}
