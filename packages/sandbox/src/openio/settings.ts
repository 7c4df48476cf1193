/** What a test may set about a cluster, at any time. */

export interface OpenIoSettings {
  /** `original` answers `debug` as releases of 2018 do: a bare election key, peers kept after a leave, PEERING in the log. */
  style: 'head' | 'original';
  /** How long a request waits for an election before it is answered `TIMEOUT`. */
  electionTimeoutMs: number;
  /** A leave that comes within so long of other election activity of the base is followed by a new election at once. */
  leaveRaceMs: number;
  /** Period of one turn of the periodic decache, where a service has it on. */
  decacheTickMs: number;
  /** Whether proxies keep what meta1 told them. */
  cache: boolean;
  /** Time one step of an election and one replication takes; 0: a turn of the event loop. */
  stepMs: number;
}

export const DEFAULTS: OpenIoSettings = {
  style: 'head',
  electionTimeoutMs: 2_000,
  leaveRaceMs: 0,
  decacheTickMs: 5,
  cache: true,
  stepMs: 0,
};
