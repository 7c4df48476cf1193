/** A process's share in a fleet, at its smallest: everything that may come over Redis, and whether it comes. */
import type { FleetAddress } from '@longshore/fleet';
import { bullTransport, redisStore } from '@longshore/fleet';
import { silentLog } from '@longshore/host';
import { job } from '../contract/transport-contract.ts';
import { until } from './until.ts';

export interface SignsOfLife extends AsyncDisposable {
  /** A value that is in Redis before it resolves. */
  keep(value: string): Promise<void>;
  kept(): Promise<string | undefined>;
  /** A job, a ring and an intent of that name come, and one more sweep. What was lost on the way is sent again, as the sweep would. */
  everythingComes(mark: string): Promise<void>;
}

export const KEPT_KEY = 'shared';

export function signsOfLife(address: FleetAddress): SignsOfLife {
  const store = redisStore(address);
  const transport = bullTransport(address, silentLog, { lockMs: 2_000 });
  const jobs = new Set<string>();
  const rings = new Set<string>();
  const intents = new Set<string>();
  let sweeps = 0;
  const consumers = [
    transport.consume('q', 2, async ({ data }) => {
      jobs.add(data.task);
      return 'done';
    }),
    transport.consumeRings(1, async (operation) => void rings.add(operation)),
    transport.consumeSweeps(200, async () => {
      sweeps += 1;
    }),
  ];
  transport.subscribe((operation) => void intents.add(operation));
  return {
    keep: (value) => store.setShared('kept', value),
    kept: () => store.getShared('kept'),
    async everythingComes(mark) {
      const before = sweeps;
      const come = async (): Promise<boolean> => {
        await transport.add('q', [job(mark)]);
        await transport.ring(mark);
        await transport.publish(mark);
        return jobs.has(mark) && rings.has(mark) && intents.has(mark);
      };
      await until(come, `a job, a ring and an intent called ${mark} came`);
      await until(() => sweeps > before, 'there was one more sweep');
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(consumers.map((consumer) => consumer.stop(0)));
      await transport.close();
      await store.close();
    },
  };
}
