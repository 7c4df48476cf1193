import type { SystemPackage, TaskDefinition } from '@longshore/core';
import { dump } from './operations/dump.ts';
import { follow } from './operations/follow.ts';
import { inspect } from './operations/inspect.ts';
import { kildaDump } from './operations/kilda-dump.ts';
import { kildaRestore } from './operations/kilda-restore.ts';
import { migrate } from './operations/migrate.ts';
import { restore } from './operations/restore.ts';
import { verify } from './operations/verify.ts';
import { cleanup } from './tasks/cleanup.ts';
import { compareBatch } from './tasks/compare-batch.ts';
import { compareFolder } from './tasks/compare-folder.ts';
import { dumpBatch } from './tasks/dump-batch.ts';
import { finalCount } from './tasks/final-count.ts';
import { findBatches, findToCompare } from './tasks/find-batches.ts';
import { followDump, followReread } from './tasks/follow-dump.ts';
import { followClose, followPut, followRestore } from './tasks/follow-restore.ts';
import { inspectDump, inspectMetric } from './tasks/inspect.ts';
import { inspectFolder } from './tasks/inspect-files.ts';
import { inspectHeld } from './tasks/inspect-held.ts';
import { INTERVAL_TASKS } from './tasks/intervals.ts';
import { kildaDumpMetric } from './tasks/kilda-dump-metric.ts';
import { KILDA_INTERVAL_TASKS } from './tasks/kilda-intervals.ts';
import { kildaRestoreFolder } from './tasks/kilda-restore-folder.ts';
import { makeFolder } from './tasks/make-folder.ts';
import { provePut } from './tasks/prove-put.ts';
import { proveSink } from './tasks/prove-sink.ts';
import { putBatch } from './tasks/put-batch.ts';
import { restoreBatch } from './tasks/restore-batch.ts';
import { settle } from './tasks/settle.ts';
import { tellingBothNames } from './tasks/sink-names.ts';
import { writeBatch } from './tasks/write-batch.ts';

/** Everything a program needs to run time-series operations. */
export const tsdb: SystemPackage = {
  name: 'tsdb',
  kinds: [migrate, follow, dump, restore, verify, inspect, kildaDump, kildaRestore],
  tasks: [
    proveSink,
    dumpBatch,
    restoreBatch,
    settle,
    finalCount,
    findBatches,
    findToCompare,
    compareBatch,
    compareFolder,
    cleanup,
    inspectMetric,
    inspectDump,
    inspectFolder,
    inspectHeld,
    kildaDumpMetric,
    kildaRestoreFolder,
    makeFolder,
    provePut,
    putBatch,
    writeBatch,
    followDump,
    followPut,
    followRestore,
    followReread,
    followClose,
    ...INTERVAL_TASKS,
    ...KILDA_INTERVAL_TASKS,
  ].map((task) => tellingBothNames(task as TaskDefinition)),
};

export type { OpenTsdbClient } from './client/opentsdb/index.ts';
export { openTsdb } from './client/opentsdb/index.ts';
export type { VictoriaMetricsClient } from './client/victoriametrics/index.ts';
export { victoriaMetrics } from './client/victoriametrics/index.ts';
export { DumpParams, MigrateParams, RestoreParams, VerifyParams } from './params.ts';
