import type { ProcessMetrics } from '@longshore/host';
import type { Engine } from '@longshore/operations';
import type { FastifyServerFactory } from 'fastify';

/** `none`: everybody who reaches the API is an admin, as on a socket that only its owner can open. */
export type Auth = 'none' | 'tokens';

/** What the API needs of the process that runs it. */
export interface ApiSetup {
  engine: Engine;
  host: string;
  auth: Auth;
  limits: {
    /** Of one caller, in the long run. */
    requestsPerSecond: number;
    /** Event streams open at once. */
    streams: number;
  };
  /** Absent: plain HTTP. */
  tls?: FastifyServerFactory;
  /** Named systems; only names and kinds of system are shown. */
  targets: Record<string, { system: string }>;
  /** A fleet of one machine: bare addresses and new spools may be given in requests. */
  allowAddresses: boolean;
  /** What this process tells of itself beside the fleet's numbers. */
  metrics?: ProcessMetrics;
  /** Throws the reason why the API cannot work at present. */
  ready(): Promise<void>;
}
