/** Where a command finds its fleet: `--api`, else `LONGSHORE_API`, else the local fleet, which is started when it is not there. */
import type { Command } from 'commander';
import type { Client } from './client.ts';
import { openClient } from './client.ts';
import { fleetHome } from './local-fleet/home.ts';
import { joinFleet } from './local-fleet/start.ts';
import type { Terminal } from './terminal.ts';

export interface ApiOption {
  api?: string;
}

/** Adds `--api` to a command. */
export function withApi(command: Command): Command {
  return command.option(
    '--api <address>',
    'API of a fleet, http://host:port or unix:/path (default: $LONGSHORE_API, else the local fleet)',
  );
}

export async function connectFleet({ api = process.env.LONGSHORE_API }: ApiOption, terminal: Terminal): Promise<Client> {
  if (api) return openClient(api);
  const { api: address } = await joinFleet(fleetHome(), {}, (line) => terminal.say(line));
  return openClient(address);
}
