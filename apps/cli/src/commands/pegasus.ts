/** `longshore pegasus …`: flags to parameters. */
import type { Command } from 'commander';
import type { Terminal } from '../terminal.ts';
import { systemGroup } from './system.ts';

export function pegasusCommand(_terminal: Terminal): Command {
  return systemGroup('pegasus', 'Pegasus: move a live table to another cluster', []);
}
