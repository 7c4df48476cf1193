/** Targets of the configuration, resolved: their secrets are read where and when they are needed, and nowhere else. */
import { readFileSync } from 'node:fs';
import type { Target } from '@longshore/core';
import { shownAddress } from '@longshore/fleet';
import { AddressNotAllowed, MissingSecret, UnknownTarget } from './errors.ts';
import type { Settings } from './settings.ts';

/**
 * Turns a name, or an address where those are allowed, into a target with its secrets read. The address of a configured target stands for
 * it, so that programs of old, which know nothing but addresses, get its secrets and are no exception to what is allowed.
 */
export function targetResolver(
  configuration: Settings,
  environment: NodeJS.ProcessEnv = process.env,
): (name: string, system: string) => Target {
  const secretsOf = ({ secrets }: Settings['targets'][string]): Record<string, string> =>
    Object.fromEntries(Object.entries(secrets).map(([key, reference]) => [key, readSecret(reference, environment)]));
  return (wanted, system) => {
    const same = Object.values(configuration.targets).find((target) => target.system === system && target.address === wanted);
    if (same) return { name: shownAddress(wanted), system, address: wanted, settings: same.settings, secrets: secretsOf(same) };
    if (/^[a-z][a-z0-9+.-]*:\/\//i.test(wanted)) {
      if (!configuration.allowAddresses) throw AddressNotAllowed({ address: shownAddress(wanted) });
      return { name: shownAddress(wanted), system, address: wanted, settings: {}, secrets: {} };
    }
    const found = Object.hasOwn(configuration.targets, wanted) ? configuration.targets[wanted] : undefined;
    if (!found || found.system !== system) {
      const known = Object.entries(configuration.targets).filter(([, target]) => target.system === system);
      throw UnknownTarget({ name: wanted, system, known: known.map(([other]) => other) });
    }
    return { name: wanted, system, address: found.address, settings: found.settings, secrets: secretsOf(found) };
  };
}

export function readSecret(reference: string, environment: NodeJS.ProcessEnv): string {
  const [, where, what] = /^(env|file):(.+)$/.exec(reference)!;
  if (where === 'env') {
    const value = environment[what!];
    if (value === undefined) throw MissingSecret({ reference, why: 'the variable is not set' });
    return value;
  }
  try {
    return readFileSync(what!, 'utf8').trim();
  } catch (error) {
    throw MissingSecret({ reference, why: (error as Error).message }, { cause: error });
  }
}

/** How many tasks may work on a target at once, by its configuration. */
export function placesOf({ targets }: Pick<Settings, 'targets'>): (target: string) => number | undefined {
  return (target) => (Object.hasOwn(targets, target) ? targets[target]?.maxTasks : undefined);
}
