/** The `longshore` command: its groups of commands, and what its help says first. */
import { Command } from 'commander';
import { accessCommands } from './commands/access.ts';
import { applyCommand } from './commands/apply.ts';
import { automationClientCommand } from './commands/automation-client.ts';
import { decisionCommands } from './commands/decisions.ts';
import { demoCommand } from './commands/demo.ts';
import { doctorCommand } from './commands/doctor.ts';
import { fleetCommands } from './commands/fleet.ts';
import { fleetStateCommands } from './commands/fleet-state.ts';
import { operationCommands } from './commands/operations.ts';
import { roleCommands } from './commands/roles.ts';
import { systemCommands } from './commands/systems.ts';
import { kildaDumpCommand } from './originals/kilda-dump.ts';
import { kildaRestoreCommand } from './originals/kilda-restore.ts';
import { openmldbOpsCommand } from './originals/openmldb-ops.ts';
import { otsdbToVmCommand } from './originals/otsdb-to-vm.ts';
import type { Terminal } from './terminal.ts';

const VERSION = '0.1.0';

const EPILOGUE = `
Without --api (or LONGSHORE_API) a command starts or joins the local fleet: background processes of this
machine with one data directory, $LONGSHORE_HOME or ~/.longshore. \`longshore down\` ends them.
An API on another machine asks for a token: --token-file, or LONGSHORE_TOKEN.

Exit codes: 0 done and verified, 1 failed, 2 wrong usage, 3 finished with data missing, doubled or unverified,
4 refused before anything was changed, 5 something cannot be reached, 6 needs attention, 130/143 by a signal.

Start with:
  longshore demo      moves made-up data between two servers on this machine, in under a minute
  longshore doctor    looks whether everything needed is here
  longshore tsdb migrate --help
`;

export function buildProgram(terminal: Terminal): Command {
  const program = new Command('longshore')
    .description('Moves bulk data and runs the dangerous operations of clustered stores: planned before, watched during, verified after.')
    .version(VERSION)
    .addHelpText('after', EPILOGUE);
  const group = (heading: string, commands: Command[]): void => {
    program.commandsGroup(heading);
    for (const command of commands) program.addCommand(command);
  };
  const [up, down, ...fleet] = fleetCommands(terminal) as [Command, Command, ...Command[]];
  group('Start here:', [demoCommand(terminal), doctorCommand(terminal)]);
  group('Work:', [...systemCommands(terminal), applyCommand(terminal)]);
  group('In place of the client of the old Vitess automation:', [automationClientCommand(terminal)]);
  group("In place of OpenMLDB's own tool:", [openmldbOpsCommand(terminal)]);
  group('In place of the kilda tools, also installed under these names:', [
    kildaDumpCommand(terminal),
    kildaRestoreCommand(terminal),
    otsdbToVmCommand(terminal),
  ]);
  group('Operations:', operationCommands(terminal));
  group('Decisions:', decisionCommands(terminal));
  group('The fleet:', [up, down, ...fleet, ...fleetStateCommands(terminal)]);
  group('Who may do what, and who did:', accessCommands(terminal));
  group('One process of a fleet on many machines:', roleCommands());
  program.hook('preAction', (_program, command) => takeOptionsOfParents(command));
  everywhere(program, (command) => {
    command.exitOverride();
    command.showHelpAfterError('(--help shows what it takes, with examples)');
    command.configureOutput({ writeErr: (text) => terminal.err.write(text), writeOut: (text) => terminal.out.write(text) });
  });
  return program;
}

/**
 * `fleet` and `fleet drain` both have `--api`, and commander gives what stands behind either of them to the outer one. The inner one
 * must not go to another fleet than the one that was named.
 */
function takeOptionsOfParents(command: Command): void {
  for (let parent = command.parent; parent; parent = parent.parent)
    for (const option of parent.options) {
      const key = option.attributeName();
      const given = parent.getOptionValueSource(key) === 'cli' && command.getOptionValueSource(key) !== 'cli';
      if (given && command.options.some((own) => own.attributeName() === key))
        command.setOptionValueWithSource(key, parent.getOptionValue(key), 'cli');
    }
}

function everywhere(command: Command, change: (command: Command) => void): void {
  change(command);
  for (const child of command.commands) everywhere(child, change);
}
