/** The systems' groups of commands. A new system adds its file and a line here; a group without commands is not shown. */
import type { Command } from 'commander';
import type { Terminal } from '../terminal.ts';
import { counterCommand } from './counter.ts';
import { openioCommand } from './openio.ts';
import { openmldbCommand } from './openmldb.ts';
import { pegasusCommand } from './pegasus.ts';
import { tsdbCommand } from './tsdb.ts';
import { vitessCommand } from './vitess.ts';

const SYSTEMS = [tsdbCommand, pegasusCommand, openmldbCommand, vitessCommand, openioCommand, counterCommand] as const;

export function systemCommands(terminal: Terminal): Command[] {
  return SYSTEMS.map((make) => make(terminal)).filter(({ commands }) => commands.length > 0);
}
