/** `longshore openio …`: flags to parameters. */
import type { Command } from 'commander';
import type { Terminal } from '../terminal.ts';
import { systemGroup } from './system.ts';

export function openioCommand(_terminal: Terminal): Command {
  return systemGroup('openio', 'OpenIO: move and rebalance meta2 bases', []);
}
