/** Commands about the fleet as a whole: drain it, open it again, and the jobs that no worker can be trusted with. */
import { duration } from '@longshore/operations';
import { Command } from 'commander';
import type { ApiOption } from '../connection.ts';
import { connectFleet, withApi } from '../connection.ts';
import type { Terminal } from '../terminal.ts';
import { clockTime, table } from '../text.ts';
import { examples, milliseconds, withJson } from './options.ts';

interface Flags extends ApiOption {
  json?: boolean;
}

export function fleetStateCommands(terminal: Terminal): Command[] {
  return [fleetCommand(terminal), deadCommand(terminal)];
}

function fleetCommand(terminal: Terminal): Command {
  const command = withApi(withJson(new Command('fleet').description('whether the fleet takes new operations; drain it, open it again')));
  command.addCommand(
    examples(
      withApi(withJson(new Command('drain').description('take nothing new, bring what is there to its end'))).requiredOption(
        '--within <duration>',
        'cancel what still runs then',
        milliseconds,
      ),
      ['longshore fleet drain --within 30m'],
    ).action(async (flags: Flags & { within: number }) => {
      await using client = await connectFleet(flags, terminal);
      const drain = await client.drainFleet(flags.within);
      if (flags.json) return terminal.json(drain);
      terminal.print(
        `The fleet takes nothing new; what still runs in ${duration(drain.until - drain.since)} is cancelled. \`longshore fleet open\` ends this.`,
      );
    }),
  );
  command.addCommand(
    examples(withApi(withJson(new Command('open').description('take new operations again'))), ['longshore fleet open']).action(
      async (flags: Flags) => {
        await using client = await connectFleet(flags, terminal);
        await client.openFleet();
        if (flags.json) return terminal.json({ drain: null });
        terminal.print('The fleet takes new operations.');
      },
    ),
  );
  return examples(command, ['longshore fleet', 'longshore fleet drain --within 30m', 'longshore fleet open']).action(
    async (flags: Flags) => {
      await using client = await connectFleet(flags, terminal);
      const drain = await client.fleetDrain();
      if (flags.json) return terminal.json({ drain });
      terminal.print(
        drain
          ? `The fleet is being drained, as ${drain.by} asked: it takes nothing new, and cancels what still runs at ${new Date(drain.until).toISOString()}.`
          : 'The fleet takes new operations.',
      );
    },
  );
}

function deadCommand(terminal: Terminal): Command {
  const command = withApi(withJson(new Command('dead').description('tasks that took one worker after the other down and were given up')));
  command.addCommand(
    examples(withApi(withJson(new Command('requeue').argument('<letter>', 'as `longshore dead` names it').description('try one again'))), [
      'longshore dead requeue op_ab12cd34/copy/1',
    ]).action(async (letter: string, flags: Flags) => {
      await using client = await connectFleet(flags, terminal);
      const header = await client.requeue(letter);
      if (flags.json) return terminal.json(header);
      terminal.print(`${header.id} is ${header.state}: tried again; \`longshore watch ${header.id}\` shows it.`);
    }),
  );
  return examples(command, ['longshore dead', 'longshore dead requeue op_ab12cd34/copy/1']).action(async (flags: Flags) => {
    await using client = await connectFleet(flags, terminal);
    const letters = await client.deadLetters();
    if (flags.json) {
      for (const letter of letters) terminal.json(letter);
      return;
    }
    if (letters.length === 0) return terminal.say('There are no dead letters.');
    const rows = letters.map(({ id, queue, at, reason }) => [id, queue, clockTime(at), reason]);
    terminal.print(table(['letter', 'queue', 'since', 'reason'], rows).join('\n'));
    terminal.say('`longshore dead requeue <letter>` tries one again, once its cause is gone.');
  });
}
