import { Command } from 'commander';
import { Ended } from '../exit.ts';
import type { Terminal } from '../terminal.ts';
import { examples, wholeNumber } from './options.ts';

export function demoCommand(terminal: Terminal): Command {
  const command = new Command('demo')
    .description('see a migration on this machine, with made-up data; leaves nothing behind')
    .option('--days <n>', 'days of data', wholeNumber(1, 60), 3)
    .option('--keep', 'keep the servers up afterwards, until Ctrl+C');
  return examples(command, ['longshore demo', 'longshore demo --days 14 --keep']).action(
    async (flags: { days: number; keep?: boolean }) => {
      // Stand-ins are loaded for the demo alone.
      const { runDemo } = await import('../demo/demo.ts');
      throw new Ended(await runDemo(flags, terminal));
    },
  );
}
