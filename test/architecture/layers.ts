/** The order of the code, as data: who may import whom and who may touch the world, each with its reason. */

export interface Layer {
  /** Packages of ours (by folder name) that its source may import. */
  may: readonly string[];
  because: string;
}

export const SYSTEMS = ['tsdb', 'pegasus', 'openmldb', 'vitess', 'openio', 'counter'] as const;

const SYSTEM_REASON =
  'a system package gets everything else through the task context, so that it can be run without a queue and knows no other system';
/** Apps that the command line starts as processes of their own. */
const ROLES = ['api', 'scheduler', 'dumper', 'restorer', 'migrator', 'rebalancer'] as const;
const APP: Layer = {
  may: ['core', 'operations', 'fleet', 'host', ...SYSTEMS],
  because: 'an app is a thin main that mounts what the packages offer; apps do not know each other',
};

/** One entry for each folder in apps/ and packages/. */
export const LAYERS: Readonly<Record<string, Layer>> = {
  core: { may: [], because: 'core is what everybody shares; it can depend on nobody' },
  http: { may: ['core'], because: 'it carries requests of every system and knows none' },
  zookeeper: { may: ['core'], because: 'it carries requests of every system and knows none' },
  spool: { may: ['core'], because: 'folders and manifests do not know what is in them, nor who queued it' },
  operations: { may: ['core'], because: 'the engine runs on ports, so that thousands of schedules can be simulated without a Redis' },
  fleet: { may: ['core'], because: 'it is the real form of the ports, and replaceable by the in-memory one' },
  contract: {
    may: ['core', 'operations'],
    because: 'it is the HTTP API as types and schemas, for both ends of the wire and for the dashboard',
  },
  host: { may: ['core', 'operations', 'fleet'], because: 'it is what every process of a fleet has in common, and knows no system' },
  programs: { may: ['core'], because: 'it fetches and starts servers and knows nothing of what they are for' },
  sandbox: { may: ['core'], because: 'a stand-in that shared code with the clients it tests would agree with their mistakes' },
  tsdb: { may: ['core', 'http', 'zookeeper', 'spool'], because: SYSTEM_REASON },
  pegasus: { may: ['core', 'http', 'zookeeper'], because: SYSTEM_REASON },
  openmldb: { may: ['core', 'http', 'zookeeper'], because: SYSTEM_REASON },
  vitess: { may: ['core', 'http', 'zookeeper'], because: SYSTEM_REASON },
  openio: { may: ['core', 'http', 'zookeeper'], because: SYSTEM_REASON },
  counter: { may: ['core', 'http'], because: SYSTEM_REASON },
  api: {
    may: [...APP.may, 'web', 'contract'],
    because: 'it serves the files of the dashboard, and imports none of them; apps do not know each other otherwise',
  },
  scheduler: APP,
  dumper: APP,
  restorer: APP,
  migrator: APP,
  rebalancer: APP,
  web: {
    may: ['core', 'operations', 'contract'],
    because: 'the dashboard talks to the HTTP API and shares no code with the server, only the types of the wire and the typed calls of it',
  },
  cli: {
    may: [...APP.may, ...ROLES, 'contract', 'http', 'programs', 'sandbox'],
    because: 'it starts a whole fleet on one machine, the programs this needs included, and is a client of the HTTP API',
  },
};

export interface Reservation {
  /** Packages that may import it. */
  only: readonly string[];
  because: string;
}

/** Packages from the registry that belong to one of ours. */
export const RESERVED: Readonly<Record<string, Reservation>> = {
  bullmq: { only: ['fleet'], because: 'the transport must stay replaceable by the in-memory one' },
  ioredis: { only: ['fleet'], because: 'the store must stay replaceable by the in-memory one' },
  undici: { only: ['http'], because: 'every outgoing call needs the deadlines, size limits and address rules that http sets' },
  'node-zookeeper-client': { only: ['zookeeper'], because: 'its calls may never come back; zookeeper gives each a deadline' },
};

/** Who of an importer's files may import a package, where the importer as a whole is allowed to. */
export const ONLY_FROM: readonly { importer: string; imported: string; file: RegExp; because: string }[] = [
  {
    importer: 'cli',
    imported: 'sandbox',
    file: /(^|\/)demo[^/]*(\/|\.ts$)/,
    because: 'stand-ins are for the demo and for tests; no real command may meet one',
  },
  ...['core', 'operations', 'contract'].map((imported) => ({
    importer: 'web',
    imported,
    file: /^(wire|vendor\/contract\.d)\.ts$/,
    because: 'wire.ts has the types of what the API answers; nothing of the server runs in a browser',
  })),
  {
    importer: 'api',
    imported: 'web',
    file: /(?!)/,
    because: 'the API serves the files of the dashboard as they are and runs none of them',
  },
  ...ROLES.map((role) => ({
    importer: 'cli',
    imported: role,
    file: /(?!)/,
    because: 'a role runs as a process of its own; the command line depends on its package only to find its main',
  })),
];

/** Where time, chance, disk and network are ports. `folder` is relative to the repository. */
export const PORTS_ONLY: readonly { folder: string; except?: string; because: string }[] = [
  {
    folder: 'packages/core/src/',
    except: 'packages/core/src/system.ts',
    because: 'core does no I/O; system.ts alone holds the real clock and random source',
  },
  { folder: 'packages/operations/src/', because: 'the engine is simulated with its own clock, random source, store and queue' },
  ...SYSTEMS.map((system) => ({
    folder: `packages/${system}/src/plan/`,
    because: 'a plan is a pure function of a snapshot, so that --plan and the run cannot differ',
  })),
];

/** Built-in modules without I/O, free for code that is on ports only. */
export const PURE_BUILTINS: readonly string[] = [
  'node:assert',
  'node:async_hooks',
  'node:buffer',
  'node:crypto',
  'node:events',
  'node:path',
  'node:path/posix',
  'node:string_decoder',
  'node:timers',
  'node:timers/promises',
  'node:url',
  'node:util',
];

/** Names of pure built-ins that are a clock or chance all the same. */
export const IMPURE_NAMES: Readonly<Record<string, readonly string[]>> = {
  'node:timers': ['setTimeout', 'setInterval'],
  'node:timers/promises': ['setTimeout', 'setInterval', 'scheduler'],
  'node:crypto': ['randomBytes', 'randomInt', 'randomUUID', 'randomFill', 'randomFillSync', 'getRandomValues'],
};

/** A file longer than this is worth a conversation; it fails nothing. */
export const CONVERSATION_LINES = 600;
