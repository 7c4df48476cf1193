/** Commands about who may do what, and who did: tokens of the API and its audit log. */
import { closeSync, openSync, rmSync, writeFileSync } from 'node:fs';
import type { TokenInfo } from '@longshore/contract';
import type { AccessRole, AuditEntry } from '@longshore/core';
import { ACCESS_ROLES, auditText } from '@longshore/core';
import { Command, Option } from 'commander';
import { parseTime } from '../arguments/time.ts';
import type { ApiOption } from '../connection.ts';
import { connectFleet, withApi } from '../connection.ts';
import { TokenNotKept } from '../errors.ts';
import type { Terminal } from '../terminal.ts';
import { table } from '../text.ts';
import { examples, milliseconds, withJson } from './options.ts';

interface Flags extends ApiOption {
  json?: boolean;
}

export function accessCommands(terminal: Terminal): Command[] {
  return [tokenCommand(terminal), auditCommand(terminal)];
}

function tokenCommand(terminal: Terminal): Command {
  const command = new Command('token').description('tokens by which people and programs use an API from elsewhere');
  command.addCommand(createCommand(terminal));
  command.addCommand(
    examples(withApi(withJson(new Command('list').description('the tokens there are; never their secrets'))), [
      'longshore token list',
    ]).action(async (flags: Flags) => {
      await using client = await connectFleet(flags, terminal);
      const tokens = await client.tokens();
      if (flags.json) {
        for (const token of tokens) terminal.json(token);
        return;
      }
      if (tokens.length === 0) return terminal.say('There are no tokens.');
      const rows = tokens.map(({ name, role, createdAt, createdBy, expiresAt }) => [
        name,
        role,
        day(createdAt),
        createdBy,
        expiresAt === undefined ? 'never' : `${day(expiresAt)}${expiresAt <= Date.now() ? ' (over)' : ''}`,
      ]);
      terminal.print(table(['name', 'role', 'made', 'by', 'expires'], rows).join('\n'));
    }),
  );
  command.addCommand(
    examples(withApi(withJson(new Command('revoke').argument('<name>').description('end a token at once'))), [
      'longshore token revoke ci',
    ]).action(async (name: string, flags: Flags) => {
      await using client = await connectFleet(flags, terminal);
      await client.revokeToken(name);
      if (flags.json) return terminal.json({ revoked: name });
      terminal.print(`The token ${name} is revoked; the next request that uses it is refused.`);
    }),
  );
  return command;
}

interface CreateFlags extends Flags {
  role: AccessRole;
  for?: number;
  out?: string;
}

function createCommand(terminal: Terminal): Command {
  const command = withApi(withJson(new Command('create').argument('<name>', 'whose it is: a person or a program')))
    .description('make a token; it is shown once')
    .addOption(
      new Option('--role <role>', 'what it may do: look, work, agree as well, rule the fleet').choices(ACCESS_ROLES).makeOptionMandatory(),
    )
    .option('--for <duration>', 'how long it is good for (default: until it is revoked)', milliseconds)
    .option('--out <file>', 'write it to a new file that only you can read, instead of showing it');
  return examples(command, [
    'longshore token create ci --role operator --for 90d --out ci.token',
    'longshore token create ann --role approver --api unix:/run/longshore/api.sock',
  ]).action(async (name: string, { role, for: lifeMs, out, ...flags }: CreateFlags) => {
    await using client = await connectFleet(flags, terminal);
    // The file first: a token that could not be kept would be there, and nobody would have it.
    const file = out === undefined ? undefined : newFile(out);
    const { token, ...made } = await client
      .createToken({ name, role, ...(lifeMs === undefined ? {} : { lifeMs }) })
      .catch((error: unknown) => {
        if (file !== undefined && out !== undefined) {
          closeSync(file);
          rmSync(out);
        }
        throw error;
      });
    if (file !== undefined) {
      writeFileSync(file, `${token}\n`);
      closeSync(file);
    }
    if (flags.json) return terminal.json(out === undefined ? { ...made, token } : { ...made, file: out });
    if (out === undefined) terminal.print(token);
    terminal.say(told(made, out));
  });
}

function newFile(file: string): number {
  try {
    return openSync(file, 'wx', 0o600);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw TokenNotKept({ file, why: code === 'EEXIST' ? 'there is such a file already' : message }, { cause: error });
  }
}

function told({ name, role, expiresAt }: TokenInfo, out: string | undefined): string {
  const until = expiresAt === undefined ? 'until it is revoked' : `until ${new Date(expiresAt).toISOString()}`;
  const where = out === undefined ? 'It is not shown again' : `It is in ${out}, and nowhere else`;
  return `The token ${name} may do what ${role === 'viewer' ? 'a' : 'an'} ${role} may, ${until}. ${where}.`;
}

interface AuditFlags extends Flags {
  since?: string;
  operation?: string;
}

const PAGE = 500;

function auditCommand(terminal: Terminal): Command {
  const command = withApi(withJson(new Command('audit').description('what was asked of the fleet and by whom, oldest first')))
    .option('--since <time>', 'from this time on')
    .option('--operation <id>', 'of this operation alone');
  return examples(command, ['longshore audit --since 2026-11-21', 'longshore audit --operation op_ab12cd34 --json']).action(
    async ({ since, operation, ...flags }: AuditFlags) => {
      await using client = await connectFleet(flags, terminal);
      const filter = {
        ...(since === undefined ? {} : { since: Math.max(1, parseTime(since, Date.now())) }),
        ...(operation === undefined ? {} : { operation }),
        limit: PAGE,
      };
      let cursor: string | undefined;
      do {
        const page = await client.audit({ ...filter, ...(cursor === undefined ? {} : { cursor }) });
        for (const entry of page.entries) {
          if (flags.json) terminal.json(entry);
          else terminal.print(auditLine(entry));
        }
        cursor = page.next;
      } while (cursor !== undefined);
    },
  );
}

/** One line each, so that pages need no common widths; nothing in it can begin another line or steer the terminal. */
export function auditLine({ at, who, role, what, subject, operation, result, code, reason, requestId }: AuditEntry): string {
  const parts = [
    new Date(at).toISOString(),
    role === undefined ? who : `${who} (${role})`,
    what,
    ...[subject, operation].filter((part) => part !== undefined),
    result === 'done' ? 'done' : `${result}: ${code ?? 'no reason known'}`,
    ...(reason === undefined ? [] : [JSON.stringify(reason)]),
    ...(requestId === undefined ? [] : [`request ${requestId}`]),
  ];
  const line = parts.join('  ');
  return auditText(line, line.length);
}

const day = (at: number): string => new Date(at).toISOString().slice(0, 10);
