/** What every `Transport` must do: each promise of `packages/core/src/ports.ts`, for the one in memory and the one on BullMQ alike. */
import type { Consumer, Delivery, Handled, TaskJob, Transport } from '@longshore/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../support/until.ts';

export interface OpenTransport {
  transport: Transport;
  /** The same queues through another connection, as another process has them. */
  other: Transport;
  /** Lets some time go by where the clock stands still. */
  pass(): void;
  close(): Promise<void>;
}

/** Longer than any test waits. */
const NEVER_MS = 3_600_000;

export function job(task: string, round = 1): { id: string; data: TaskJob } {
  return { id: `op.${task}.${round}`, data: { v: 1, operation: 'op', task, round } };
}

export function transportContract(name: string, open: () => Promise<OpenTransport>): void {
  describe(`the transport ${name}`, () => {
    let t: OpenTransport;
    let transport: Transport;
    let consumers: Consumer[];
    let gates: (() => void)[];
    beforeEach(async () => {
      t = await open();
      ({ transport } = t);
      consumers = [];
      gates = [];
    });
    afterEach(async () => {
      // A test that failed with a handler held must not hold up the rest.
      for (const open of gates) open();
      await Promise.all(consumers.map((consumer) => consumer.stop(0)));
      await t.close();
    });

    const soon = (happened: () => boolean | Promise<boolean>, what: string): Promise<void> => until(happened, what, () => t.pass());
    /** Holds handlers until it is opened, by the test or at its end. */
    function gate<T>(value: T): { opened: Promise<T>; open(): void } {
      const { promise, resolve } = Promise.withResolvers<T>();
      const open = (): void => resolve(value);
      gates.push(open);
      return { opened: promise, open };
    }
    function consume(queue: string, concurrency: number, handle: (delivery: Delivery<TaskJob>) => Promise<Handled>): Consumer {
      const consumer = t.other.consume(queue, concurrency, handle);
      consumers.push(consumer);
      return consumer;
    }
    function advances(concurrency: number, advance: (operation: string) => Promise<void>): void {
      consumers.push(t.other.consumeRings(concurrency, advance));
    }
    const empty = async (queue: string): Promise<boolean> => {
      const { waiting, active, delayed } = await transport.depth(queue);
      return waiting + active + delayed === 0;
    };

    describe('jobs', () => {
      test('arrive as they were added, also those that were there before the consumer', async () => {
        const seen: TaskJob[] = [];
        await transport.add('q', [job('a'), job('b', 3)]);
        await transport.add('q', []);
        consume('q', 2, async ({ data, stalls, signal }) => {
          expect(stalls).toBe(0);
          expect(signal.aborted).toBe(false);
          seen.push(data);
          return 'done';
        });
        await soon(() => seen.length === 2, 'two jobs came');
        await transport.add('q', [job('größe:😀')]);
        await soon(() => seen.length === 3, 'the third job came');
        expect(seen.sort((a, b) => (a.task < b.task ? -1 : 1))).toEqual([job('a').data, job('b', 3).data, job('größe:😀').data]);
      });

      test('of one queue do not come to the consumers of another', async () => {
        const seen: string[] = [];
        for (const queue of ['dump.a', 'dump.ab'])
          consume(queue, 1, async ({ data }) => {
            seen.push(`${queue} ${data.task}`);
            return 'done';
          });
        await transport.add('dump.ab', [job('x')]);
        await transport.add('dump.a', [job('x')]);
        await soon(() => seen.length === 2, 'both came');
        expect(seen.sort()).toEqual(['dump.a x', 'dump.ab x']);
      });

      test('with an id that is there already, waiting, delayed or running, are not added', async () => {
        const seen: string[] = [];
        const held = gate(undefined);
        await transport.add('q', [job('a'), job('a')]);
        await transport.add('q', [{ ...job('d'), delayMs: 100 }]);
        await transport.add('q', [{ ...job('d'), delayMs: 1 }]);
        consume('q', 1, async ({ data }) => {
          seen.push(data.task);
          if (data.task === 'a') await held.opened;
          return 'done';
        });
        await soon(() => seen.length === 1, 'the first came');
        await transport.add('q', [job('a')]);
        held.open();
        await soon(() => empty('q'), 'the queue ran empty');
        expect(seen).toEqual(['a', 'd']);
      });

      test('that are done can be added again', async () => {
        let runs = 0;
        consume('q', 1, async () => {
          runs += 1;
          return 'done';
        });
        for (const times of [1, 2, 3]) {
          await transport.add('q', [job('a')]);
          await soon(async () => runs === times && (await empty('q')), `it ran ${times} times`);
        }
      });

      test('wait for their delay, and others go before them', async () => {
        const seen: string[] = [];
        await transport.add('q', [{ ...job('late'), delayMs: 300 }, job('now')]);
        expect((await transport.depth('q')).delayed).toBe(1);
        consume('q', 1, async ({ data }) => {
          seen.push(data.task);
          return 'done';
        });
        await soon(() => seen.length === 2, 'both came');
        expect(seen).toEqual(['now', 'late']);
      });

      test('whose handler throws come again, and again', async () => {
        let tries = 0;
        consume('q', 1, async () => {
          tries += 1;
          if (tries < 3) throw new Error('the store is away');
          return 'done';
        });
        await transport.add('q', [job('a')]);
        await soon(() => tries === 3, 'it came a third time');
        await soon(() => empty('q'), 'it was done');
      });

      test('handed back with a delay come again, without end', async () => {
        let tries = 0;
        consume('q', 1, async () => {
          tries += 1;
          return tries < 12 ? { delayMs: tries === 1 ? 0 : 5 } : 'done';
        });
        await transport.add('q', [job('a')]);
        await soon(() => tries === 12, 'it came twelve times');
        await soon(() => empty('q'), 'it was done');
      });

      test('run so many at once and no more, each once, over two consumers', async () => {
        const seen: string[] = [];
        let now = 0;
        let most = 0;
        const handle = async ({ data }: Delivery<TaskJob>): Promise<Handled> => {
          seen.push(data.task);
          now += 1;
          most = Math.max(most, now);
          await new Promise((resolve) => setImmediate(resolve));
          now -= 1;
          return 'done';
        };
        await transport.add(
          'q',
          Array.from({ length: 60 }, (_, at) => job(`t${at}`)),
        );
        consume('q', 2, handle);
        consume('q', 3, handle);
        await soon(async () => seen.length === 60 && (await empty('q')), 'all sixty were done');
        expect(new Set(seen).size).toBe(60);
        expect(most).toBeLessThanOrEqual(5);
      });

      test('are counted: waiting, active, delayed', async () => {
        expect(await transport.depth('q')).toEqual({ waiting: 0, active: 0, delayed: 0 });
        await transport.add('q', [job('a'), job('b'), { ...job('c'), delayMs: NEVER_MS }]);
        expect(await transport.depth('q')).toEqual({ waiting: 2, active: 0, delayed: 1 });
        const held = gate<Handled>('done');
        let begun = 0;
        consume('q', 1, () => {
          begun += 1;
          return held.opened;
        });
        await soon(() => begun === 1, 'one began');
        expect(await transport.depth('q')).toEqual({ waiting: 1, active: 1, delayed: 1 });
        held.open();
        await soon(async () => (await transport.depth('q')).active === 0 && begun === 2, 'both were done');
        expect(await transport.depth('q')).toEqual({ waiting: 0, active: 0, delayed: 1 });
      });
    });

    describe('stopping', () => {
      test('waits for what runs and takes nothing new', async () => {
        const held = gate<Handled>('done');
        const begun: string[] = [];
        let stopped = false;
        const consumer = consume('q', 1, ({ data }) => {
          begun.push(data.task);
          return held.opened;
        });
        await transport.add('q', [job('a')]);
        await soon(() => begun.length === 1, 'it began');
        await transport.add('q', [job('b')]);
        const stopping = consumer.stop(NEVER_MS).then(() => {
          stopped = true;
        });
        await transport.depth('q');
        expect(stopped).toBe(false);
        held.open();
        await stopping;
        expect(begun).toEqual(['a']);
        expect(await transport.depth('q')).toEqual({ waiting: 1, active: 0, delayed: 0 });
        consume('q', 1, async ({ data }) => {
          begun.push(data.task);
          return 'done';
        });
        await soon(() => begun.length === 2, 'another consumer took the rest');
      });

      test('aborts at the deadline what still runs, and what is handed back then comes to another', async () => {
        const begun: string[] = [];
        const consumer = consume('q', 2, async ({ signal }) => {
          begun.push('first');
          await new Promise((resolve) => signal.addEventListener('abort', resolve));
          return { delayMs: 0 };
        });
        await transport.add('q', [job('a')]);
        await soon(() => begun.length === 1, 'it began');
        await consumer.stop(0);
        consume('q', 1, async () => {
          begun.push('second');
          return 'done';
        });
        await soon(() => begun.length === 2, 'the other got it');
        await soon(() => empty('q'), 'it was done');
      });

      test('a consumer that never had anything stops', async () => {
        await consume('nothing', 4, async () => 'done').stop(0);
        const rings = t.other.consumeRings(1, async () => undefined);
        await rings.stop(0);
        const sweeps = t.other.consumeSweeps(NEVER_MS, async () => undefined);
        await sweeps.stop(0);
      });
    });

    describe('rings', () => {
      test('that come before anybody hears them are one advance for each operation', async () => {
        const seen: string[] = [];
        for (const operation of ['a', 'b', 'a', 'a', 'b']) await transport.ring(operation);
        advances(1, async (operation) => {
          seen.push(operation);
        });
        await soon(() => seen.length >= 2, 'both were advanced');
        await transport.ring('c');
        await soon(() => seen.includes('c'), 'the last was advanced');
        expect(seen).toEqual(['a', 'b', 'c']);
      });

      test('three during an advance give exactly one more', async () => {
        const seen: string[] = [];
        const held = gate(undefined);
        advances(1, async (operation) => {
          seen.push(operation);
          if (operation === 'a' && seen.length === 1) await held.opened;
        });
        await transport.ring('a');
        await soon(() => seen.length === 1, 'it was advanced');
        for (let times = 0; times < 3; times += 1) await (times === 1 ? t.other : transport).ring('a');
        held.open();
        await soon(() => seen.length === 2, 'it was advanced once more');
        for (const marker of ['b', 'c']) {
          await transport.ring(marker);
          await soon(() => seen.includes(marker), 'the next was advanced');
        }
        expect(seen).toEqual(['a', 'a', 'b', 'c']);
      });

      test('one during each advance is never lost', async () => {
        let runs = 0;
        advances(2, async (operation) => {
          runs += 1;
          if (runs < 25) await transport.ring(operation);
        });
        await transport.ring('a');
        await soon(() => runs === 25, 'all twenty-five were heard');
      });

      test('a later one does not swallow one that comes before it is due, and comes too', async () => {
        let runs = 0;
        advances(1, async () => {
          runs += 1;
        });
        await transport.ring('a', 700);
        await transport.ring('a');
        await soon(() => runs === 1, 'the one that came at once was heard');
        await transport.ring('a');
        await soon(() => runs >= 2, 'so was the next');
        await soon(() => runs === 3, 'so was the later one');
      });

      test('a later one asked for by the advance that a later one began comes too', async () => {
        let runs = 0;
        advances(1, async (operation) => {
          runs += 1;
          if (runs < 4) await transport.ring(operation, 30);
        });
        await transport.ring('a', 30);
        await soon(() => runs === 4, 'each of the four was heard');
      });

      test('an advance that throws is tried again', async () => {
        let runs = 0;
        advances(1, async () => {
          runs += 1;
          if (runs < 3) throw new Error('the store is away');
        });
        await transport.ring('a');
        await soon(() => runs === 3, 'it was tried a third time');
      });

      test('two consumers share them', async () => {
        const seen: string[] = [];
        for (const _ of [1, 2])
          advances(2, async (operation) => {
            seen.push(operation);
          });
        const all = Array.from({ length: 20 }, (_, at) => `op${at}`);
        await Promise.all(all.map((operation) => transport.ring(operation)));
        await soon(() => seen.length === 20, 'all were advanced');
        expect(seen.toSorted()).toEqual(all.toSorted());
      });
    });

    test('the sweep comes again and again, on one of two processes at a time, also after one that threw', async () => {
      let now = 0;
      let most = 0;
      let sweeps = 0;
      const sweep = async (): Promise<void> => {
        now += 1;
        most = Math.max(most, now);
        sweeps += 1;
        await new Promise((resolve) => setImmediate(resolve));
        now -= 1;
        if (sweeps === 2) throw new Error('the store is away');
      };
      consumers.push(transport.consumeSweeps(100, sweep), t.other.consumeSweeps(100, sweep));
      await soon(() => sweeps >= 5, 'five sweeps were made');
      expect(most).toBe(1);
    });

    test('what is published is heard by every process that listens, until it does not any more', async () => {
      const heard: Record<'one' | 'two' | 'third', string[]> = { one: [], two: [], third: [] };
      const endOne = transport.subscribe((operation) => void heard.one.push(operation));
      const endTwo = t.other.subscribe((operation) => void heard.two.push(operation));
      t.other.subscribe((operation) => void heard.third.push(operation));
      const told = (operation: string, by: (keyof typeof heard)[]): Promise<void> =>
        soon(
          async () => {
            await transport.publish(operation);
            return by.every((listener) => heard[listener].includes(operation));
          },
          `${by.join(' and ')} heard of ${operation}`,
        );
      await told('a', ['one', 'two', 'third']);
      endTwo();
      await told('b', ['one', 'third']);
      endOne();
      await told('c', ['third']);
      expect(heard.two).not.toContain('b');
      expect(heard.one).not.toContain('c');
    });
  });
}
