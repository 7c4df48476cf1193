import type { Engine } from '@longshore/operations';

/** What the API needs of the process that runs it. */
export interface ApiSetup {
  engine: Engine;
  host: string;
  /** Named systems; only names and kinds of system are shown. */
  targets: Record<string, { system: string }>;
  /** A fleet of one machine: bare addresses and new spools may be given in requests. */
  allowAddresses: boolean;
  /** Throws the reason why the API cannot work at present. */
  ready(): Promise<void>;
}
