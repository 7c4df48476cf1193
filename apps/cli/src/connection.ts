/**
 * Where a command finds its fleet: `--api`, else one inside this command (`--in-process`), else `LONGSHORE_API`, else the local fleet,
 * which is started when it is not there.
 */
import { readFileSync } from 'node:fs';
import { nameInToken } from '@longshore/host';
import type { Command } from 'commander';
import type { Client } from './client.ts';
import { openClient } from './client.ts';
import { InProcessOnly, TokenFileTrouble } from './errors.ts';
import { fleetHome } from './local-fleet/home.ts';
import { startInProcess } from './local-fleet/in-process.ts';
import { joinFleet } from './local-fleet/start.ts';
import type { Terminal } from './terminal.ts';

export interface ApiOption {
  api?: string;
  tokenFile?: string;
  inProcess?: boolean;
}

/** Adds `--api` and `--token-file` to a command. */
export function withApi(command: Command): Command {
  return command
    .option('--api <address>', 'API of a fleet, http://host:port or unix:/path (default: $LONGSHORE_API, else the local fleet)')
    .option('--token-file <file>', 'file with the token for that API (default: $LONGSHORE_TOKEN)')
    .option(
      '--in-process',
      'run the whole fleet, its Redis included, inside this command: for containers and CI (or LONGSHORE_IN_PROCESS=1)',
    );
}

/** A token is never an argument: those are seen by everybody on the machine. */
export function tokenOf({ tokenFile }: ApiOption): string | undefined {
  const token = tokenFile === undefined ? process.env.LONGSHORE_TOKEN : readToken(tokenFile);
  if (!token) return undefined;
  if (nameInToken(token) === undefined) throw TokenFileTrouble({ file: tokenFile ?? 'LONGSHORE_TOKEN', why: 'it is no token' });
  return token;
}

function readToken(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw TokenFileTrouble({ file, why: (error as Error).message }, { cause: error });
  }
}

export async function connectFleet(option: ApiOption & { detach?: boolean }, terminal: Terminal): Promise<Client> {
  const api = option.api ?? (option.inProcess ? undefined : process.env.LONGSHORE_API);
  if (option.inProcess && option.api) throw InProcessOnly({ flag: '--api' });
  if (option.inProcess && option.detach) throw InProcessOnly({ flag: '--detach' });
  if (api) return openClient(api, tokenOf(option), option.api ? '--api' : 'LONGSHORE_API');
  if (option.inProcess || process.env.LONGSHORE_IN_PROCESS === '1') return startInProcess(fleetHome(), (line) => terminal.say(line));
  const { api: address } = await joinFleet(fleetHome(), {}, (line) => terminal.say(line));
  return openClient(address);
}
