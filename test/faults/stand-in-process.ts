/** The child's side of `orders.ts`. Ends when its parent does. */
import { type Fault, startOpenTsdb, startVictoriaMetrics } from '@longshore/sandbox';
import { kildaDataset } from '../dataset/index.ts';
import type { Call, StandInRequest } from './orders.ts';

const request = JSON.parse(process.argv[2] ?? '{}') as StandInRequest;

async function start() {
  if (request.kind === 'victoria-metrics') return startVictoriaMetrics();
  const tsdb = await startOpenTsdb({ emptySeriesOfSameHour: false });
  if (request.kind === 'kilda') {
    for (const { metric, tags, points } of kildaDataset(request.options).series())
      tsdb.store.add({ metric, tags, points: textsOf(points()) });
    return tsdb;
  }
  const { metric, startMs, stopMs, stepMs } = request;
  tsdb.store.addVirtual({ metric, tags: { host: 'one' }, startMs, stopMs, stepMs, value: (ms) => String(ms / stepMs) });
  return tsdb;
}

function* textsOf(points: Iterable<readonly [number, string, string]>): Generator<readonly [number, string]> {
  for (const [ms, text] of points) yield [ms, text];
}

const standIn = await start();
let faults: Fault[] = [];

process.on('message', ({ call, order, ask }: Call) => {
  if (order) faults.push(standIn.knobs.everyNth(order.every ?? 1, new RegExp(order.match), order.effect));
  const result = ask === 'hits' ? faults.map(({ hits }) => hits) : null;
  if (ask === 'clear') {
    standIn.knobs.clear();
    faults = [];
  }
  process.send?.({ call, result });
});
process.on('disconnect', () => process.exit(0));
process.send?.({ url: standIn.url });
