import { EXIT } from '@longshore/core';
import { Command } from 'commander';
import type { ApiOption } from '../connection.ts';
import { tokenOf, withApi } from '../connection.ts';
import type { Finding } from '../doctor/checks.ts';
import {
  checkConfiguration,
  checkDisk,
  checkFleet,
  checkNode,
  checkRedisHere,
  checkTarget,
  checkVictoriaMetrics,
} from '../doctor/checks.ts';
import { Ended } from '../exit.ts';
import { fleetHome } from '../local-fleet/home.ts';
import type { Style, Terminal } from '../terminal.ts';
import { examples, withJson } from './options.ts';

const MARK: Record<Finding['level'], [Style, string]> = {
  ok: ['green', 'ok     '],
  warning: ['yellow', 'note   '],
  problem: ['red', 'PROBLEM'],
};

export function doctorCommand(terminal: Terminal): Command {
  const command = withApi(
    withJson(new Command('doctor').description('look whether everything needed is here, and say what to do where not')),
  );
  return examples(command, ['longshore doctor', 'longshore doctor --api http://127.0.0.1:8750']).action(
    async (flags: ApiOption & { json?: boolean }) => {
      const home = fleetHome();
      const { finding, configuration } = checkConfiguration();
      const findings = [
        checkNode(),
        finding,
        await checkDisk(home),
        await checkRedisHere(configuration),
        await checkVictoriaMetrics(),
        ...(await checkFleet(home, flags.api ?? process.env.LONGSHORE_API, tokenOf(flags))),
        ...(await Promise.all(Object.entries(configuration?.targets ?? {}).map(([name, target]) => checkTarget(name, target)))),
      ];
      for (const one of findings) {
        if (flags.json) terminal.json(one);
        else tell(one, terminal);
      }
      const problems = findings.filter(({ level }) => level === 'problem').length;
      if (!flags.json) terminal.print(problems === 0 ? 'Nothing stands in the way.' : `${problems} of these must be mended first.`);
      throw new Ended(problems === 0 ? EXIT.done : EXIT.unreachable);
    },
  );
}

function tell({ level, what, found, todo }: Finding, { print, out }: Terminal): void {
  const [style, mark] = MARK[level];
  print(`${out.style(style, mark)} ${out.style('bold', what)}: ${found}`);
  if (todo !== undefined) print(`        ${todo}`);
}
