/** A single-node VictoriaMetrics: found, fetched, started, stopped. */
import { get } from 'node:http';
import { join, resolve } from 'node:path';
import { fromDebian } from './debian.ts';
import { type FindOptions, findProgram, fromPath, fromVariable, type Program } from './program.ts';
import { freePort, type RunningServer, startServer } from './server.ts';

/** `VICTORIA_METRICS_BIN` → PATH → Debian package. Throws `LSH_PROGRAM_MISSING`. */
export function findVictoriaMetrics(options: FindOptions = {}): Promise<Program> {
  return findProgram(
    {
      name: 'victoria-metrics',
      versionFlag: '-version',
      sources: [
        fromVariable('VICTORIA_METRICS_BIN'),
        fromPath(['victoria-metrics', 'victoria-metrics-prod']),
        fromDebian(['victoria-metrics'], 'usr/bin/victoria-metrics'),
      ],
      remedy:
        'Set VICTORIA_METRICS_BIN to a single-node victoria-metrics program, or put one on the PATH, or allow downloads by unsetting LONGSHORE_NO_DOWNLOAD.',
    },
    options,
  );
}

export interface StartVictoriaMetrics {
  program: Program;
  /** Log and record, and the data unless `dataDir` says otherwise. */
  dir: string;
  /** `data` in `dir` when absent. An older version cannot open what a newer one has written. */
  dataDir?: string;
  /** On 127.0.0.1; 0, the default, takes a free one. */
  port?: number;
  /** How long it keeps data. What is older is dropped on arrival without an error, so the default is `100y`. */
  retention?: string;
  /** Further flags, `-search.maxUniqueTimeseries=1000000`. */
  flags?: readonly string[];
  detached?: boolean;
  readyTimeoutMs?: number;
}

export interface VictoriaMetricsServer extends RunningServer {
  readonly url: string;
}

/** True when `url` answers 200 in time. */
export function httpAnswers(url: string, timeoutMs = 2_000): Promise<boolean> {
  return new Promise((done) => {
    const request = get(url, { agent: false, timeout: timeoutMs }, (response) => {
      response.resume();
      done(response.statusCode === 200);
    });
    request.on('timeout', () => request.destroy(new Error('no answer in time')));
    request.on('error', () => done(false));
  });
}

export async function startVictoriaMetrics(options: StartVictoriaMetrics): Promise<VictoriaMetricsServer> {
  const { program } = options;
  const dir = resolve(options.dir);
  const port = options.port === undefined || options.port === 0 ? await freePort() : options.port;
  const url = `http://127.0.0.1:${port}`;
  const args = [
    `-httpListenAddr=127.0.0.1:${port}`,
    `-storageDataPath=${resolve(options.dataDir ?? join(dir, 'data'))}`,
    `-retentionPeriod=${options.retention ?? '100y'}`,
    '-loggerLevel=WARN',
    ...(options.flags ?? []),
  ];
  const server = await startServer({
    name: 'victoria-metrics',
    path: program.path,
    version: program.version,
    env: program.env,
    args,
    dir,
    address: url,
    answers: () => httpAnswers(`${url}/health`),
    ...(options.detached === undefined ? {} : { detached: options.detached }),
    ...(options.readyTimeoutMs === undefined ? {} : { readyTimeoutMs: options.readyTimeoutMs }),
  });
  return { ...server, url };
}
