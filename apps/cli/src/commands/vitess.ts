/** `longshore vitess …`: flags to parameters. */
import type { Command } from 'commander';
import type { Terminal } from '../terminal.ts';
import { systemGroup } from './system.ts';

export function vitessCommand(_terminal: Terminal): Command {
  return systemGroup('vitess', 'Vitess: reshard a keyspace', []);
}
