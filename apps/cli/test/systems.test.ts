import { expect, test } from 'vitest';
import { parseAddress } from '../src/arguments/target.ts';
import { systemCommands } from '../src/commands/systems.ts';
import type { Terminal } from '../src/terminal.ts';
import { plainStyle } from '../src/text.ts';

const output = { live: false, columns: () => 100, rows: () => 30, write: () => undefined, style: plainStyle };
const terminal: Terminal = { out: output, err: output, say: () => undefined, json: () => undefined, print: () => undefined };

test('every command of a system plans, prints JSON, detaches, and has examples that are its own', () => {
  const groups = systemCommands(terminal);
  expect(groups.map((group) => group.name())).toContain('counter');
  for (const group of groups)
    for (const command of group.commands) {
      const flags = command.options.map(({ long }) => long);
      expect(flags).toEqual(expect.arrayContaining(['--plan', '--json', '--detach', '--approvals', '--deadline', '--reason', '--api']));
      let help = '';
      command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
      expect(help, `${group.name()} ${command.name()}`).toContain(`Examples:\n  longshore ${group.name()} ${command.name()}`);
    }
});

test('addresses of any scheme, credentials never', () => {
  expect(parseAddress('--source', 'prod', 'pegasus')).toBe('prod');
  expect(parseAddress('--source', 'a:1,b:2', 'pegasus')).toBe('pegasus://a:1,b:2');
  expect(parseAddress('--source', 'zk://a:1/x/', 'pegasus')).toBe('zk://a:1/x');
  const refused = expect.objectContaining({ code: 'LSH_TARGET_INVALID' });
  expect(() => parseAddress('--source', 'zk://me:hunter2@a:1', 'zk')).toThrow(refused);
  expect(() => parseAddress('--source', 'What Ever', 'zk')).toThrow(refused);
});
