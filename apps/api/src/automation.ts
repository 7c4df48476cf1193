/**
 * The automation of Vitess up to version 7, beside the HTTP API: what is enqueued there is an ordinary operation, under a number as the
 * original gave them. It knows no tokens, so it listens on the loopback only.
 */
import { randomUUID } from 'node:crypto';
import type { Engine, Service } from '@longshore/operations';
import { KeyReused } from '@longshore/operations';
import type { Automation, AutomationPort, AutomationServer, Life, Registered } from '@longshore/vitess';
import { automation, clusterOperation, serveAutomation } from '@longshore/vitess';
import { AutomationNotLoopback, CannotListen } from './errors.ts';
import { LOOPBACK, parseListen } from './listen.ts';

const OWNER = 'automation';
/** Numbers are looked up under these names; the one after the last is tried first. */
const LAST = 'automation.last';
const nameOf = (number: string): string => `automation.operation.${number}`;

type Deps = Pick<Engine, 'store' | 'clock' | 'log'>;

async function lifeOf({ store }: Deps, service: Service): Promise<Life> {
  if (await service.fleetDrain()) return (await store.live()).length > 0 ? 2 : 3;
  return (await store.workers()).some(({ role }) => role === 'scheduler') ? 1 : 0;
}

export function automationPort(deps: Deps, service: Service): AutomationPort {
  const { store, clock, log } = deps;
  return {
    life: () => lifeOf(deps, service),

    async submit(kind, params) {
      // The key makes a number unique, whoever else gives one at the same time; one that was taken without an answer is passed over.
      for (let number = Number((await store.getShared(LAST)) ?? 0) + 1; ; number += 1) {
        const idempotencyKey = `${OWNER} ${number}`;
        // In its turn, as in the original's queue, where another operation has the keyspace.
        const made = await service.submit({ kind, params, owner: OWNER, idempotencyKey, patient: true }).catch((error: unknown) => {
          if (KeyReused.is(error)) return { created: false, id: '' };
          throw error;
        });
        if (!made.created) continue;
        await store.setShared(nameOf(String(number)), made.id);
        await store.setShared(LAST, String(number));
        const entry = { at: clock.now(), who: OWNER, requestId: randomUUID(), what: 'operation.submit', subject: kind, operation: made.id };
        await store
          .audit({ ...entry, result: 'done' })
          .catch((error: unknown) => log.error({ err: error, entry }, 'the audit log could not be written'));
        return String(number);
      }
    },

    async operation(number) {
      const id = await store.getShared(nameOf(number));
      const snapshot = id === undefined ? undefined : await store.load(id);
      if (id === undefined || !snapshot) return undefined;
      const { header } = snapshot;
      const running = new Set(
        [...snapshot.attempts].filter(([task]) => snapshot.tasks.get(task)?.state === 'queued').map(([task]) => task),
      );
      return clusterOperation(number, { header, plan: await store.plan(id), done: await store.done(id), running });
    },
  };
}

/** The automation over the operations of a fleet. `registered`: what can be enqueued; absent: what there is. */
export function fleetAutomation(deps: Deps, service: Service, registered?: Registered): Automation {
  return registered === undefined ? automation(automationPort(deps, service)) : automation(automationPort(deps, service), registered);
}

/** Throws `LSH_API_AUTOMATION_LISTEN` where others than this machine could reach it. */
export async function listenAutomation(listen: string, deps: Deps, service: Service): Promise<AutomationServer> {
  const address = parseListen(listen);
  if (!('path' in address) && !LOOPBACK.has(address.host)) throw AutomationNotLoopback({ listen });
  try {
    return await serveAutomation(listen, fleetAutomation(deps, service), deps.log);
  } catch (error) {
    throw CannotListen({ listen, cause: error instanceof Error ? error.message : String(error) }, { cause: error });
  }
}
