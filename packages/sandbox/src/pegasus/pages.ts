/** The pages servers show over HTTP on the port of their calls. */
import { holds, type PegasusClusterState } from './cluster.ts';
import { pendingOf } from './state.ts';

export interface Page {
  status: number;
  body: string;
  location?: string;
}

const json = (value: unknown): Page => ({ status: 200, body: JSON.stringify(value) });

export function replicaPage(cluster: PegasusClusterState, node: string, url: URL): Page {
  cluster.advance();
  switch (url.pathname) {
    case '/replica/data_version':
      return dataVersion(cluster, node, url.searchParams.get('app_id'));
    case '/replica/duplication':
      return duplication(cluster, node, url.searchParams.get('appid'));
    case '/metrics':
      return cluster.settings.dialect === '2.6' ? metrics(cluster, node, url.searchParams) : { status: 404, body: 'not found' };
    default:
      return { status: 404, body: 'not found' };
  }
}

function dataVersion(cluster: PegasusClusterState, node: string, given: string | null): Page {
  if (given === null || !/^\d+$/.test(given)) return { status: 400, body: `app_id=${given ?? ''} is invalid` };
  const table = cluster.tables.find(({ id, status }) => id === Number(given) && status !== 'AS_DROPPED');
  const held = (table?.partitions ?? []).flatMap(({ primary, secondaries }, index) =>
    primary === node || secondaries.includes(node)
      ? [[String(index), { data_version: table?.versionAt.get(node) ?? table?.dataVersion }] as const]
      : [],
  );
  if (held.length === 0) return { status: 404, body: `app_id=${given} not found` };
  return json(Object.fromEntries(held));
}

function duplication(cluster: PegasusClusterState, node: string, given: string | null): Page {
  if (!cluster.settings.shippingPage) return { status: 404, body: 'not found' };
  const table = cluster.tables.find(({ id, status }) => id === Number(given) && status !== 'AS_DROPPED');
  const mine = (table?.partitions ?? []).some(({ primary }) => primary === node);
  if (table === undefined || !mine) return { status: 404, body: `no primary for app [appid=${given ?? ''}]` };
  if (table.duplications.length === 0) return { status: 404, body: `no duplication assigned for app [appid=${given ?? ''}]` };
  return json(
    Object.fromEntries(
      table.duplications.map((dup) => [
        String(dup.id),
        Object.fromEntries(
          table.partitions.flatMap((partition, index) => {
            const shipper = dup.shippers[index];
            // Only where the duplicator has been made.
            if (partition.primary !== node || shipper === undefined || shipper.syncs === 0) return [];
            return [
              [
                `${table.id}.${index}`,
                {
                  duplicating: dup.status === 'DS_LOG',
                  not_confirmed_mutations_num: Math.max(0, partition.committed - shipper.confirmed),
                  not_duplicated_mutations_num: pendingOf(partition, shipper),
                  fail_mode: dup.failMode,
                },
              ],
            ];
          }),
        ),
      ]),
    ),
  );
}

const METRICS = [
  'dup_pending_mutations',
  'dup_shipped_successful_requests',
  'dup_shipped_failed_requests',
  'dup_confirmed_mutations',
  'rdb_estimated_keys',
];

function metrics(cluster: PegasusClusterState, node: string, params: URLSearchParams): Page {
  const KNOWN = new Set(['types', 'ids', 'attributes', 'metrics', 'with_metric_fields', 'detail']);
  for (const key of params.keys()) if (!KNOWN.has(key)) return { status: 400, body: `unknown field ${key}` };
  const attributes = params.get('attributes')?.split(',') ?? [];
  const tableId = attributes[attributes.indexOf('table_id') + 1];
  const wanted = params.get('metrics')?.split(',') ?? METRICS;
  const entities = cluster.tables
    .filter(({ id, status }) => status !== 'AS_DROPPED' && (attributes.length === 0 || String(id) === tableId))
    .flatMap((table) =>
      table.partitions.flatMap((partition, index) => {
        if (!holds(table, index, node)) return [];
        // A secondary has the same metrics, and ships nothing.
        const shipper = partition.primary === node ? table.duplications[0]?.shippers[index] : undefined;
        const values: Readonly<Record<string, number>> = {
          dup_pending_mutations: pendingOf(partition, shipper),
          dup_shipped_successful_requests: Math.max(0, shipper?.last ?? 0),
          dup_shipped_failed_requests: Math.floor(cluster.failedShipping),
          dup_confirmed_mutations: Math.max(0, shipper?.confirmed ?? 0),
          ...(cluster.settings.estimates ? { rdb_estimated_keys: table.estimates.get(node)?.[index] ?? 0 } : {}),
        };
        return [
          {
            type: 'replica',
            id: `replica@${table.id}.${index}`,
            attributes: { table_id: String(table.id), partition_id: String(index) },
            metrics: wanted.filter((name) => name in values).map((name) => ({ name, value: values[name] })),
          },
        ];
      }),
    );
  const [host, port] = node.split(':');
  return json({ cluster: cluster.settings.name, role: 'replica', host, port: Number(port), timestamp_ns: cluster.now() * 1e6, entities });
}

export function metaPage(cluster: PegasusClusterState, meta: string, url: URL): Page {
  cluster.advance();
  const leader = cluster.metas[cluster.leader];
  if (leader !== meta) return { status: 307, body: '', location: `http://${leader}${url.pathname}${url.search}` };
  switch (url.pathname) {
    case '/meta/cluster':
      return json({ cluster_name: cluster.settings.name, meta_servers: cluster.metas.join(','), primary_meta_server: leader });
    case '/meta/nodes':
      return json({
        details: Object.fromEntries(cluster.nodes.map((node) => [node, { status: cluster.alive(node) ? 'ALIVE' : 'UNALIVE' }])),
      });
    case '/meta/apps':
      return json({
        general_info: Object.fromEntries(cluster.tables.map(({ id, name, status }) => [String(id), { app_name: name, status }])),
      });
    case '/meta/app_envs': {
      const table = cluster.table(url.searchParams.get('name') ?? '');
      return table === undefined ? { status: 404, body: 'not found' } : json(Object.fromEntries(table.envs));
    }
    case '/meta/app/duplication': {
      const table = cluster.table(url.searchParams.get('name') ?? '');
      if (table === undefined) return { status: 404, body: 'not found' };
      return json(Object.fromEntries(table.duplications.map((dup) => [String(dup.id), { remote: dup.remote, status: dup.status }])));
    }
    default:
      return { status: 404, body: 'not found' };
  }
}
