/** `longshore counter …`: the demonstration system, and the pattern other systems' groups follow. */
import type { Command } from 'commander';
import type { Terminal } from '../terminal.ts';
import { milliseconds, names, wholeNumber } from './options.ts';
import type { RunningFlags } from './system.ts';
import { needed, operationCommand, systemGroup, target } from './system.ts';

interface MoveFlags extends RunningFlags {
  source?: string;
  sink?: string;
  counters?: string[];
  maxDenial?: number;
  pause?: number;
}

interface RebalanceFlags extends RunningFlags {
  services?: string[];
  concurrency?: number;
  pause?: number;
}

const pause = (command: Command): Command =>
  command.option('--pause <duration>', 'draw each step out, to watch it or to kill things meanwhile', milliseconds);

export function counterCommand(terminal: Terminal): Command {
  return systemGroup('counter', 'demonstration on a small counter service: every part of the engine, and nothing to lose', [
    operationCommand<MoveFlags>(terminal, {
      name: 'move',
      title: 'move counters to another service: copy, deny writes, catch up, switch, retire',
      examples: [
        'longshore counter move --source http://127.0.0.1:7801 --sink http://127.0.0.1:7802 --counters hits --plan',
        'longshore counter move --source http://127.0.0.1:7801 --sink http://127.0.0.1:7802 --counters hits,misses --approvals cutover',
      ],
      options: (command) =>
        pause(command)
          .option('--source <target>', 'service that has them: a name in longshore.yaml or an address', target('--source', 'http'))
          .option('--sink <target>', 'service that gets them', target('--sink', 'http'))
          .option('--counters <names>', 'which, with commas', names)
          .option('--max-denial <duration>', 'writes are denied for no longer than this', milliseconds),
      request: ({ source, sink, counters, maxDenial, pause: pauseMs }) => {
        const params = {
          source: needed('counter move', '--source', source),
          sink: needed('counter move', '--sink', sink),
          counters: needed('counter move', '--counters', counters),
          ...(maxDenial === undefined ? {} : { maxDenialMs: maxDenial }),
          ...(pauseMs === undefined ? {} : { pauseMs }),
        };
        return { kind: 'counter.move', params, headline: `move ${params.counters.join(', ')} from ${params.source} to ${params.sink}.` };
      },
    }),
    operationCommand<RebalanceFlags>(terminal, {
      name: 'rebalance',
      title: 'even out the sums of several services',
      examples: ['longshore counter rebalance --services http://127.0.0.1:7801,http://127.0.0.1:7802 --concurrency 2'],
      options: (command) =>
        pause(command)
          .option('--services <targets>', 'two or more, with commas', (text) => names(text).map(target('--services', 'http')))
          .option('--concurrency <n>', 'moves at a time', wholeNumber(1, 64)),
      request: ({ services, concurrency, pause: pauseMs }) => {
        const params = {
          services: needed('counter rebalance', '--services', services),
          ...(concurrency === undefined ? {} : { concurrency }),
          ...(pauseMs === undefined ? {} : { pauseMs }),
        };
        return { kind: 'counter.rebalance', params, headline: `even out ${params.services.join(', ')}.` };
      },
    }),
  ]);
}
