/** `openmldb_ops`: flags, log lines and tables of OpenMLDB's own tool; the work is done by the fleet, and the exit codes are true. */
import type { Json } from '@longshore/core';
import { EXIT } from '@longshore/core';
import { Command } from 'commander';
import type { Client } from '../client.ts';
import { examples } from '../commands/options.ts';
import type { ApiOption } from '../connection.ts';
import { connectFleet, withApi } from '../connection.ts';
import { Ended } from '../exit.ts';
import type { Terminal } from '../terminal.ts';
import { watchOperation } from '../watch/watch.ts';
import { readOpsFlags } from './openmldb-ops/flags.ts';
import { opsOutcome, type Told } from './openmldb-ops/outcome.ts';
import { COMMANDS, isRefusal, type OpsRequest, opsRequest } from './openmldb-ops/request.ts';

const NAME = 'openmldb_ops';
const FLAGS = `
Flags, as OpenMLDB's own tool has them:
  --cmd=<command>            ${COMMANDS.join(', ')}
  --zk_cluster=<hosts>       ZooKeeper of the cluster, host:port with commas
  --zk_root_path=<path>      its root path there
  --endpoints=<endpoints>    tablets: of scalein with commas, of pre-upgrade and post-upgrade one
  --statfile=<file>          where an upgrade notes what it moved (default: .stat)
  --allow_single_replica     pre-upgrade leaves partitions with one replica where they are
  --db=<name>                showopstatus: of this database only
  --filter=<text>            showopstatus: a status such as kFailed; showtablestatus: a pattern of the database such as db%
  --op_deadline=<seconds>    an op of the nameserver that has not ended by then is cancelled
  --openmldb_bin_path=<path> taken and not needed
`;

export function openmldbOpsCommand(terminal: Terminal): Command {
  const command = withApi(new Command(NAME))
    .description("OpenMLDB's own tool by its flags: recover, scale and upgrade tablets")
    .usage('--cmd=<command> --zk_cluster=<hosts> --zk_root_path=<path> [flags]')
    .allowUnknownOption()
    .allowExcessArguments()
    .addHelpText('after', FLAGS);
  return examples(command, [
    `longshore ${NAME} --cmd=scaleout --zk_cluster=zk1:2181,zk2:2181 --zk_root_path=/openmldb`,
    `longshore ${NAME} --cmd=pre-upgrade --zk_cluster=zk1:2181 --zk_root_path=/openmldb --endpoints=tablet1:10921 --statfile=/var/tmp/stat`,
    `longshore ${NAME} --cmd=showopstatus --zk_cluster=zk1:2181 --zk_root_path=/openmldb --filter=kFailed`,
  ]).action(async () => {
    const read = readOpsFlags(command.args);
    if ('problem' in read) {
      terminal.say(`Usage: ${NAME} --cmd=<command> --zk_cluster=<hosts> --zk_root_path=<path> [flags]\n\n${NAME}: error: ${read.problem}`);
      throw new Ended(EXIT.usage);
    }
    const request = opsRequest(read.flags, process.cwd());
    if (isRefusal(request)) {
      for (const line of request.lines) terminal.say(line);
      throw new Ended(request.exitCode);
    }
    await using client = await connectFleet(command.opts<ApiOption>(), terminal);
    throw new Ended(await run(client, request, terminal));
  });
}

async function run(client: Client, { command, kind, params }: OpsRequest, terminal: Terminal): Promise<number> {
  const id = await client.submit({ kind, params, mode: 'run' });
  const say = (level: string, text: string): void => terminal.say(`${level}: ${text}`);
  const { exitCode } = await watchOperation({
    client,
    id,
    terminal,
    json: false,
    owned: true,
    display: {
      event: ({ text }) => say('INFO', text),
      picture: () => undefined,
      say: (text) => say('INFO', text),
      end: () => undefined,
    },
  });
  const outcome = opsOutcome(command, await told(client, id));
  for (const line of outcome.lines) terminal.say(line);
  terminal.out.write(outcome.stdout);
  if (exitCode !== EXIT.done) say('INFO', `${id} ended with exit code ${exitCode}; \`longshore explain ${id}\` says where it stands`);
  return exitCode;
}

async function told(client: Client, id: string): Promise<Told> {
  const { header } = await client.operation(id);
  const plan = header.planHash === undefined ? undefined : await client.plan(id);
  const output: Json | undefined = (await client.tasks(id)).find((task) => task.id === 'show')?.output;
  return { header, ...(plan ? { plan } : {}), report: await client.report(id), ...(output === undefined ? {} : { output }) };
}
