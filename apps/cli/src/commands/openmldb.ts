/** `longshore openmldb …`: flags to parameters. */
import type { Command } from 'commander';
import type { Terminal } from '../terminal.ts';
import { systemGroup } from './system.ts';

export function openmldbCommand(_terminal: Terminal): Command {
  return systemGroup('openmldb', 'OpenMLDB: recover, scale out, scale in, upgrade tablets', []);
}
