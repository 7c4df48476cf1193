/**
 * `longshore apply -f migration.yaml`: operations as files that can be kept, reviewed and applied again. What is in a file is done once:
 * applying the same text again finds the operation that it has started.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { KindInfo, Submission } from '@longshore/contract';
import { APPROVAL_POLICIES, EXIT } from '@longshore/core';
import { readYaml } from '@longshore/host';
import { canonicalJson } from '@longshore/operations';
import { Command } from 'commander';
import { z } from 'zod';
import { parseDuration } from '../arguments/duration.ts';
import { parseTime } from '../arguments/time.ts';
import type { ApiOption } from '../connection.ts';
import { connectFleet, withApi } from '../connection.ts';
import { BadFile } from '../errors.ts';
import { Ended } from '../exit.ts';
import type { Terminal } from '../terminal.ts';
import { examples, withJson } from './options.ts';
import type { RunOptions } from './run-operation.ts';
import { runOperation } from './run-operation.ts';

interface Written {
  kind: string;
  params: Record<string, unknown>;
  approvals?: (typeof APPROVAL_POLICIES)[number] | undefined;
  deadline?: string | undefined;
  reason?: string | undefined;
}

const written: z.ZodType<Written> = z.strictObject({
  kind: z.string().min(1),
  params: z.record(z.string(), z.unknown()),
  approvals: z.enum(APPROVAL_POLICIES).optional(),
  deadline: z.string().optional(),
  reason: z.string().max(500).optional(),
});

const SHAPE = `
A file holds one operation, or several with --- between them, which are done one after another:

  kind: tsdb.migrate
  reason: change 4711
  approvals: none           # none, cutover or every-stage
  deadline: 6h
  params:                   # those of the kind, see \`longshore kinds\`
    source: otsdb-old
    sink: vm-new
    startMs: 2023-03-01     # a time may be written as one, a length of time as 6h or 30s
    stopMs: 2023-04-01
    intervalMs: 1h
`;

interface ApplyFlags extends ApiOption, RunOptions {
  file: string;
  again?: boolean;
}

export function applyCommand(terminal: Terminal): Command {
  const command = withApi(
    withJson(new Command('apply').description('do what a file says; the same file again finds what it has started'))
      .requiredOption('-f, --file <file>', 'YAML or JSON; - reads it from standard input')
      .option('--plan', 'only plan: show what would be done, change nothing')
      .option('--again', 'do it once more, although this file was applied before')
      .option('-y, --yes', 'do not ask, go on in spite of warnings')
      .option('--detach', 'print the ids and return at once'),
  ).addHelpText('after', SHAPE);
  return examples(command, [
    'longshore apply -f migration.yaml --plan',
    'longshore apply -f migration.yaml',
    'longshore apply -f migration.yaml --detach --json',
  ]).action(async (flags: ApplyFlags) => {
    const documents = readOperations(flags.file, textOf(flags.file));
    await using client = await connectFleet(flags, terminal);
    const kinds = await client.kinds();
    const operations = documents.map((document) => submissionIn(document, kinds, flags.file));
    for (const [at, operation] of operations.entries()) {
      if (operations.length > 1) terminal.say(`${at + 1} of ${operations.length}: ${operation.kind}`);
      const once = flags.again || flags.plan ? {} : { key: keyOf(operation) };
      const code = await runOperation(client, operation, { ...flags, ...once }, terminal);
      // What comes later in a file may build on what comes first.
      if (code !== EXIT.done) throw new Ended(code);
    }
  });
}

/** The same operation, however its file is laid out. */
export function keyOf(operation: Submission): string {
  return `apply-${createHash('sha256')
    .update(canonicalJson(operation as never))
    .digest('hex')}`;
}

function textOf(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw BadFile({ file, problem: code === 'ENOENT' ? 'there is no such file' : message }, { cause: error });
  }
}

/** Throws `LSH_FILE_INVALID` with line and column. */
export function readOperations(file: string, text: string): Written[] {
  const documents = readYaml(text, written, (problem) => BadFile({ file, problem }));
  if (documents.length === 0) throw BadFile({ file, problem: 'there is nothing in it' });
  return documents;
}

/** Times and lengths of time become the milliseconds that the API takes. Throws `LSH_FILE_INVALID`. */
export function submissionIn({ kind, params, approvals, deadline, reason }: Written, kinds: readonly KindInfo[], file: string): Submission {
  const known = kinds.find(({ name }) => name === kind);
  if (!known) throw BadFile({ file, problem: `kind: this fleet knows no "${kind}"; it knows ${kinds.map(({ name }) => name).join(', ')}` });
  const { properties = {} } = known.params as { properties?: Record<string, { type?: string }> };
  const entries = Object.entries(params).map(([name, value]) => {
    const isNumber = ['integer', 'number'].includes(properties[name]?.type ?? '');
    if (!isNumber || typeof value !== 'string') return [name, value];
    return [name, /^(start|stop)Ms$/.test(name) ? parseTime(value, Date.now()) : name.endsWith('Ms') ? parseDuration(value) : value];
  });
  return {
    kind,
    params: Object.fromEntries(entries),
    ...(approvals === undefined ? {} : { approvals }),
    ...(deadline === undefined ? {} : { deadlineMs: parseDuration(deadline) }),
    ...(reason === undefined ? {} : { reason }),
  };
}
