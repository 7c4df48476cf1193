/** What can be known of the containers without running one: that the files they are made of name nothing that is not there. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join, normalize } from 'node:path';
import { loadConfiguration, parseConfiguration, processMetrics } from '@longshore/host';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';

const ROOT = join(import.meta.dirname, '..', '..');
const NOBODY = 65_534;
const ROLES = ['api', 'scheduler', 'dumper', 'restorer', 'migrator', 'rebalancer'];

interface Service {
  image?: string;
  build?: { context: string; target?: string; dockerfile?: string };
  command?: string[];
  entrypoint?: string[];
  environment?: Record<string, string>;
  volumes?: string[];
  ports?: string[];
  profiles?: string[];
  depends_on?: Record<string, unknown>;
  read_only?: boolean;
}

interface Compose {
  services: Record<string, Service>;
  volumes: Record<string, unknown>;
}

interface Rules {
  groups: { rules: { alert: string; expr: string; annotations: Record<string, string> }[] }[];
}

interface Dashboard {
  panels: {
    id: number;
    title: string;
    type: string;
    datasource?: { uid: string };
    gridPos: { x: number; y: number; w: number; h: number };
    targets?: { expr: string }[];
  }[];
}

const text = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
const yaml = <T>(file: string): T => parse(text(file), { merge: true }) as T;

const compose = yaml<Compose>('docker-compose.yml');
const services = Object.entries(compose.services);
const ours = services.filter(([, { build }]) => build?.target === 'runtime');
const roles = ours.filter(([, { entrypoint }]) => entrypoint === undefined);
const mounts = services.flatMap(([name, { volumes = [] }]) =>
  volumes.map((mount) => {
    const [from = '', to = ''] = mount.split(':');
    return { name, from, to };
  }),
);

const ASIDE = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};

/** Runs the `longshore` command as the image does: without root, with nothing of this environment. */
async function longshore(args: readonly string[]): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, ['apps/cli/src/main.ts', ...args], {
    cwd: ROOT,
    env: { HOME: '/nonexistent', PATH: process.env.PATH ?? '' },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...ASIDE,
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, out, err };
}

describe('docker-compose.yml', () => {
  test('runs every role by its command', () => {
    expect(roles.map(([, { command }]) => command?.[0]).sort()).toEqual(ROLES.toSorted());
    for (const [name, { command, read_only }] of roles) expect({ command, read_only }).toEqual({ command: [name], read_only: true });
  });

  test('uses published images by exact version, and builds the others', () => {
    for (const [name, { image, build }] of services) {
      expect(image, name).toBeDefined();
      if (build === undefined) expect(image, name).toMatch(/^[a-z-]+(\/[a-z-]+)?:v?\d+\.\d+\.\d+(-[a-z]+)?$/);
      else expect(image, name).toMatch(/^longshore(-[a-z]+)?:local$/);
    }
  });

  test('mounts nothing from this repository that is not there, and every volume is declared', () => {
    for (const { name, from } of mounts) {
      if (from.startsWith('.')) expect(existsSync(join(ROOT, from)), `${name}: ${from}`).toBe(true);
      else expect(Object.keys(compose.volumes), name).toContain(from);
    }
    const used = new Set(mounts.map(({ from }) => from));
    expect(Object.keys(compose.volumes).filter((volume) => !used.has(volume))).toEqual([]);
  });

  test('publishes on the loopback alone', () => {
    for (const [name, { ports = [] }] of services) for (const port of ports) expect(port, name).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
  });

  test('waits only for services that are started as well', () => {
    for (const [name, { depends_on = {} }] of services)
      for (const other of Object.keys(depends_on))
        expect(compose.services[other], `${name} waits for ${other}`).not.toHaveProperty('profiles');
  });

  test('its Redis loses nothing that it answered', () => {
    expect(compose.services.redis?.command?.join(' ')).toMatch(/--appendonly yes --appendfsync always .*--maxmemory-policy noeviction/);
  });
});

describe('deploy/longshore.yaml', () => {
  const settings = parseConfiguration('deploy/longshore.yaml', text('deploy/longshore.yaml'));

  test('leads every role to its Redis, with tokens for callers', () => {
    const loaded = loadConfiguration({ LONGSHORE_CONFIG: join(ROOT, 'deploy/longshore.yaml') });
    expect(loaded.redisUrl).toBe('redis://redis:6379');
    expect(settings.api.auth).toBe('tokens');
    for (const [name, { environment, volumes }] of roles) {
      expect(volumes, name).toContain(`./deploy/longshore.yaml:${environment?.LONGSHORE_CONFIG}:ro`);
      const listen = name === 'api' ? settings.api.listen : settings.metrics.listen;
      expect(environment?.LONGSHORE_HEALTH, name).toBe(`http://${listen?.replace('0.0.0.0', '127.0.0.1')}/healthz`);
    }
  });

  test('names targets that are services, and a spool that dumpers and restorers share', () => {
    for (const { address } of Object.values(settings.targets)) expect(Object.keys(compose.services)).toContain(new URL(address).hostname);
    for (const { path } of Object.values(settings.spools))
      expect(mounts.filter(({ to }) => to === path)).toEqual([
        { name: 'dumper', from: 'spool', to: path },
        { name: 'restorer', from: 'spool', to: path },
      ]);
  });
});

describe.each(['Dockerfile', 'deploy/opentsdb/Dockerfile'])('%s', (file) => {
  const lines = text(file).replaceAll('\\\n', ' ').split('\n');

  test('copies what is there, and the build is shown it', () => {
    const sources = lines
      .filter((line) => /^COPY (?!--from)/.test(line))
      .flatMap((line) => line.split(/\s+/).slice(1, -1))
      .map((source) => normalize(source));
    expect(sources).not.toEqual([]);
    const shown = text('.dockerignore').matchAll(/^!(.+)$/gm);
    const visible = [...shown].map(([, path]) => path ?? '');
    for (const source of sources) {
      expect(existsSync(join(ROOT, source)), source).toBe(true);
      expect(
        visible.some((path) => source === path || source.startsWith(`${path}/`)),
        `${source} in .dockerignore`,
      ).toBe(true);
    }
  });

  test('starts from exact versions, and ends without root', () => {
    const stages = new Set(lines.map((line) => /^FROM \S+ AS (\S+)$/.exec(line)?.[1]));
    for (const line of lines) {
      const from = /^FROM (\S+)/.exec(line)?.[1];
      if (from !== undefined && !stages.has(from)) expect(from).toMatch(/^[a-z-]+:\d+\.\d+\.\d+[\w.-]*$/);
    }
    const last = lines.slice(lines.findLastIndex((line) => line.startsWith('FROM')));
    expect(last.some((line) => /^USER (node|nobody)$/.test(line))).toBe(true);
  });
});

test('the Node of the image is the one everything is tested with', () => {
  const version = yaml<{ nodeVersion: string }>('pnpm-workspace.yaml').nodeVersion;
  expect(text('Dockerfile')).toContain(`FROM node:${version}-`);
});

test('the files in the image and in the compose file that are called by path are there', () => {
  for (const source of [text('Dockerfile'), text('docker-compose.yml')])
    for (const [, path] of source.matchAll(/\/app\/([\w./-]+\.\w+)/g)) expect(existsSync(join(ROOT, path ?? '')), path).toBe(true);
});

/** Names that a query asks for: what is left without texts, selectors, label lists, functions and words of the language. */
function metricsIn(expr: string): string[] {
  const bare = expr
    .replace(/"[^"]*"|\{[^}]*\}|\[[^\]]*\]/g, ' ')
    .replace(/\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, ' ');
  return [...bare.matchAll(/\b[a-z_][a-z0-9_]*\b(?!\s*\()/g)]
    .map(([name]) => name)
    .filter((name) => !['and', 'or', 'unless', 'e9'].includes(name));
}

describe('what Prometheus and Grafana ask for', () => {
  const known = new Set(['up']);
  const rules = yaml<Rules>('deploy/alerts.yml').groups.flatMap((group) => group.rules);
  const dashboard = JSON.parse(text('deploy/grafana/longshore.json')) as Dashboard;
  const queries = [
    ...rules.map(({ alert, expr }) => [`alert ${alert}`, expr] as const),
    ...dashboard.panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => [`panel "${title}"`, expr] as const)),
  ];

  beforeAll(async () => {
    const metrics = processMetrics({ getShared: async () => undefined }, 'containers');
    for (const [, name, type] of (await metrics.text()).matchAll(/# TYPE (\S+) (\S+)/g)) add(name!, type === 'histogram');
    metrics.stop();
    // What a worker, a scheduler and the API register besides, as their sources spell it.
    const sources = globSync('{packages/host,apps/api}/src/**/*.ts', { cwd: ROOT }).map(text);
    for (const source of sources.filter((one) => one.includes("from 'prom-client'"))) {
      for (const [, name] of source.matchAll(/family\(\s*'(longshore_\w+)'/g)) add(name!, false);
      for (const [, name] of source.matchAll(/\bname(?::| =) '(longshore_\w+)'/g)) add(name!, name!.endsWith('_seconds'));
    }
  });

  function add(name: string, histogram: boolean): void {
    known.add(name);
    if (histogram) for (const part of ['bucket', 'sum', 'count']) known.add(`${name}_${part}`);
  }

  test.each(queries)('%s', (_where, expr) => {
    const names = metricsIn(expr);
    expect(names).not.toEqual([]);
    for (const name of names) expect([...known]).toContain(name);
  });

  test('the dashboard shows every number of the fleet, on panels that do not overlap, from the source that is set up', () => {
    const shown = new Set(queries.flatMap(([, expr]) => metricsIn(expr).map((name) => name.replace(/_(bucket|sum|count)$/, ''))));
    const fleet = [...known].filter((name) => name.startsWith('longshore_') && !/_(bucket|sum|count)$/.test(name));
    expect(fleet.filter((name) => !shown.has(name))).toEqual([]);
    const { datasources } = yaml<{ datasources: { uid: string }[] }>('deploy/grafana/datasource.yml');
    const taken = new Set<string>();
    for (const { title, type, datasource, gridPos } of dashboard.panels) {
      if (type !== 'row') expect(datasource?.uid, title).toBe(datasources[0]?.uid);
      expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect(taken.has(`${x} ${y}`), `${title} overlaps`).toBe(false);
          taken.add(`${x} ${y}`);
        }
    }
  });

  test('Prometheus is led to services and ports that are there, with the token that is made for it', () => {
    interface Job {
      authorization?: { credentials_file: string };
      static_configs?: { targets: string[] }[];
      dns_sd_configs?: { names: string[]; port: number }[];
    }
    const { rule_files, scrape_configs } = yaml<{ rule_files: string[]; scrape_configs: Job[] }>('deploy/prometheus.yml');
    for (const file of rule_files) expect(mounts.map(({ to }) => to)).toContain(`/etc/prometheus/${file}`);
    const { api, metrics } = parseConfiguration('deploy/longshore.yaml', text('deploy/longshore.yaml'));
    const [fleet, processes] = scrape_configs;
    expect(fleet?.static_configs).toEqual([{ targets: [`api:${api.listen.split(':')[1]}`] }]);
    expect(compose.services['metrics-token']?.command).toEqual([fleet?.authorization?.credentials_file]);
    expect(processes?.dns_sd_configs?.[0]).toMatchObject({ names: ROLES.slice(1), port: Number(metrics.listen?.split(':')[1]) });
  });
});

describe('without root', () => {
  test.for([
    ...ROLES.map((role) => ({ command: [role], options: ['--config'] })),
    { command: ['tsdb', 'migrate'], options: ['--source', '--sink'] },
    { command: ['token', 'create'], options: ['--role', '--out', '--api'] },
  ])('longshore $command --help', async ({ command, options }, context) => {
    const node = spawnSync(process.execPath, ['--version'], { cwd: ROOT, ...ASIDE });
    if (node.error) context.skip(`NOT TESTED: another user than root cannot run the Node of this checkout: ${node.error.message}`);
    const { code, out, err } = await longshore([...command, '--help']);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    for (const option of options) expect(out).toContain(option);
  });
});
