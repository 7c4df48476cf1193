/**
 * How long the writes of a large table are denied when it is moved, and how that splits:
 *
 *   node test/bench/pegasus.ts [--partitions 1000] [--nodes 10] [--writes 2] [--ships 50] [--speed 1]
 *
 * Both clusters are stand-ins with the timers of real servers, the ZooKeeper is a real one; `--writes` and `--ships` are mutations a second of
 * each partition. `--speed 10` lets their time pass ten times as fast: the parts that are waiting become shorter, those that are work do not.
 */
import { parseArgs } from 'node:util';
import { connectZooKeeper } from '@longshore/zookeeper';
import { realServer } from '../servers/real.ts';
import { startPegasusFleet } from '../support/pegasus-fleet.ts';

const { values } = parseArgs({
  options: {
    partitions: { type: 'string', default: '1000' },
    nodes: { type: 'string', default: '10' },
    writes: { type: 'string', default: '2' },
    ships: { type: 'string', default: '50' },
    speed: { type: 'string', default: '1' },
  },
});
const [partitions, nodes, writes, ships, speed] = [values.partitions, values.nodes, values.writes, values.ships, values.speed].map(
  Number,
) as [number, number, number, number, number];

const server = await realServer('zookeeper', { own: true });
if (!server.there) throw new Error(server.reason);
const zk = connectZooKeeper(server.url);
await zk.create('/proxy', '');
await zk.create('/proxy/large', '{"cluster_name": "onebox", "meta_addrs": "127.0.0.1:34601"}');
const fleet = await startPegasusFleet({
  speed,
  source: {
    times: {},
    replicas: nodes,
    shipsPerSecond: ships,
    wroteWhileCopying: 100,
    zookeeperHosts: server.url,
    tables: [{ name: 'large', partitions, committed: 1_000, writesPerSecond: writes }],
  },
  target: { times: {}, replicas: nodes },
});
const took = new Map<string, number[]>();
const startedAt = fleet.clock.now();
const header = await fleet.run({
  kind: 'pegasus.migrate-table',
  params: { table: 'large', source: fleet.source.metas, meta: fleet.target.metas, cluster: 'onebox2', root: '/proxy' },
});
for (const { call, at } of fleet.source.calls) {
  const name = call.replace(/\?.*/, '');
  took.set(name, [...(took.get(name) ?? []), at]);
}
const report = await fleet.service.report(header.id);
process.stdout.write(
  [
    `${partitions} partitions on ${nodes} nodes, ${writes * partitions} mutations a second, ${ships * partitions} a second shipped: ${header.state} after ${((fleet.clock.now() - startedAt) / 1000).toFixed(1)} s`,
    ...report.notes.filter(({ text }) => text.startsWith('writes were denied')).map(({ text }) => text),
    `calls at the source: ${[...took].map(([name, all]) => `${name} ${all.length}`).join(', ')}`,
    '',
  ].join('\n'),
);
await fleet[Symbol.asyncDispose]();
await zk.close();
await server.stop();
