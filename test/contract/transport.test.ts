/** One suite, two transports; and what only real processes can show of the one on BullMQ. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Transport } from '@longshore/core';
import { ManualClock, memoryTransport, systemRandom } from '@longshore/core';
import { bullTransport } from '@longshore/fleet';
import { silentLog } from '@longshore/host';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { realServer } from '../servers/real.ts';
import { until } from '../support/until.ts';
import { job, transportContract } from './transport-contract.ts';

transportContract('in memory', async () => {
  const clock = new ManualClock();
  const transport = memoryTransport(clock);
  const pass = (): void => {
    clock.advance(25);
    transport.wake();
  };
  return { transport, other: transport, pass, close: () => transport.close() };
});

const redis = await realServer('redis');

describe.skipIf(!redis.there)('with a real Redis', () => {
  if (!redis.there) return;
  const { url } = redis;
  afterAll(() => redis.stop());
  const address = () => ({ url, fleet: `contract-${systemRandom.id(8)}` });

  transportContract('on BullMQ', async () => {
    const fleet = address();
    const transport = bullTransport(fleet, silentLog);
    const other = bullTransport(fleet, silentLog);
    return {
      transport,
      other,
      pass: () => undefined,
      close: async () => {
        await transport.close();
        await other.close();
      },
    };
  });

  describe('a worker process', () => {
    const children: ChildProcess[] = [];
    const transports: Transport[] = [];
    const open = (fleet: string): Transport => {
      const transport = bullTransport({ url, fleet }, silentLog, { lockMs: 1_000 });
      transports.push(transport);
      return transport;
    };
    afterEach(async () => {
      for (const child of children.splice(0)) {
        if (child.exitCode !== null || child.signalCode !== null) continue;
        const gone = once(child, 'exit');
        child.kill('SIGKILL');
        await gone;
      }
      for (const transport of transports.splice(0)) await transport.close();
    });

    /** A process that takes one job and holds it; tells `taken`, and `lost` when its delivery is aborted. */
    function holder(fleet: string): { child: ChildProcess; told: string[] } {
      const child = fork(fileURLToPath(new URL('./holding-worker.ts', import.meta.url)), [url, fleet], { execArgv: [] });
      children.push(child);
      const told: string[] = [];
      child.on('message', (message) => void told.push(String(message)));
      return { child, told };
    }

    test('that is killed loses its job to another, which learns that it was lost once before, and once more', async () => {
      const { fleet } = address();
      const transport = open(fleet);
      await transport.add('q', [job('a')]);
      for (const _ of [1, 2]) {
        const { child, told } = holder(fleet);
        await until(() => told.includes('taken'), 'the child took the job');
        child.kill('SIGKILL');
      }
      const stalls: number[] = [];
      const consumer = transport.consume('q', 1, async (delivery) => {
        stalls.push(delivery.stalls);
        expect(delivery.data).toEqual(job('a').data);
        return 'done';
      });
      await until(() => stalls.length > 0, 'the job came to another worker');
      // More where this machine was so busy that a holder lost its lock alive.
      expect(stalls[0]).toBeGreaterThanOrEqual(2);
      await consumer.stop(0);
      expect(await transport.depth('q')).toEqual({ waiting: 0, active: 0, delayed: 0 });
    });

    test('that is frozen and wakes after another took its job is told that it has lost it', async () => {
      const { fleet } = address();
      const transport = open(fleet);
      await transport.add('q', [job('a')]);
      const { child, told } = holder(fleet);
      await until(() => told.includes('taken'), 'the child took the job');
      child.kill('SIGSTOP');
      const gate = Promise.withResolvers<'done'>();
      let begun = false;
      const consumer = transport.consume('q', 1, () => {
        begun = true;
        return gate.promise;
      });
      await until(() => begun, 'the job came to another worker');
      child.kill('SIGCONT');
      await until(() => told.includes('lost'), 'the child learnt that it had lost the job');
      gate.resolve('done');
      await consumer.stop(60_000);
      expect(await transport.depth('q')).toEqual({ waiting: 0, active: 0, delayed: 0 });
    });
  });
});
