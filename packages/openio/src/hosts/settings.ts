/** Which host a service is on, as the settings of the target say. */
import type { Target } from '@longshore/core';
import { z } from 'zod';
import type { Namespace } from '../client/index.ts';
import type { HostSettings } from './index.ts';

const settings = z.looseObject({
  hosts: z.record(z.string(), z.string()).optional().describe('by service id or host: `local`, or a destination for ssh'),
  sshPort: z.int().positive().optional(),
  /** The ssh program. */
  ssh: z.string().optional(),
});

export function hostSettings({ proxies }: Pick<Namespace, 'proxies'>): HostSettings {
  return fromTarget(proxies[0]?.settings ?? {});
}

function fromTarget(given: Target['settings']): HostSettings {
  const { hosts, sshPort, ssh } = settings.parse(given);
  return {
    ...(hosts === undefined ? {} : { hosts }),
    ...(sshPort === undefined ? {} : { port: sshPort }),
    ...(ssh === undefined ? {} : { program: ssh }),
  };
}
