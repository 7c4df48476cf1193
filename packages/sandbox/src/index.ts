export type { CounterOptions, CounterSettings, CounterStandIn, FaultOrder } from './counter/server.ts';
export { startCounterService } from './counter/server.ts';
export type { AddResult, CounterDenial, CounterEffect, CounterStore, CounterView } from './counter/store.ts';
export type { Traffic, TrafficOptions } from './counter/traffic.ts';
export { keepAdding } from './counter/traffic.ts';
export type { DemoDataOptions } from './demo-data.ts';
export { demoData } from './demo-data.ts';
export type { Effect, Fault, Knobs, Match, SeenRequest } from './knobs.ts';
export { dpsFaults, errorInsideReply } from './knobs.ts';
export type { OpenIoOptions, OpenIoStandIn } from './openio/server.ts';
export { startOpenIo } from './openio/server.ts';
export type { OpenIoSettings } from './openio/settings.ts';


export type { OpenIoOptions, OpenIoStandIn } from './openio/server.ts';
export { startOpenIo } from './openio/server.ts';
export type { OpenIoSettings } from './openio/settings.ts';


export type { OpenmldbOptions, OpenmldbStandIn, ZooKeeperSession } from './openmldb/cluster.ts';
export { startOpenmldb } from './openmldb/cluster.ts';
export type { OpFaults } from './openmldb/queues.ts';
export type { ClusterState, OpState, TabletState } from './openmldb/state.ts';
export type { Holding, RecordedCluster, RecordedTable } from './openmldb/vector.ts';
export { holdingOf, restore } from './openmldb/vector.ts';


export type { OpenTsdbOptions, OpenTsdbStandIn } from './opentsdb/server.ts';
export { startOpenTsdb } from './opentsdb/server.ts';
export type { OpenTsdbSettings } from './opentsdb/settings.ts';
export type { PointRange, SeriesInput, TsdbSeries, TsdbStore, VirtualSeriesInput } from './opentsdb/store.ts';
export type { PegasusClusterState, TableSpec } from './pegasus/cluster.ts';
export type { FaultMatch, FaultRule, PegasusFault, PegasusFaults } from './pegasus/faults.ts';
export type { PegasusOptions, PegasusStandIn } from './pegasus/server.ts';
export { startPegasus } from './pegasus/server.ts';
export type { PegasusTimes } from './pegasus/state.ts';
export type { LoggedRequest, RequestLog } from './request-log.ts';
export type { StandIn } from './stand-in.ts';
export { roundTripBlock } from './victoria-metrics/decimal.ts';
export type { VictoriaMetricsOptions, VictoriaMetricsStandIn } from './victoria-metrics/server.ts';
export { startVictoriaMetrics } from './victoria-metrics/server.ts';
export type { NativeExport, VictoriaMetricsSettings, VictoriaMetricsVersion } from './victoria-metrics/settings.ts';
export type { Labels, Rows, SeriesStore, StoredSeries } from './victoria-metrics/store.ts';
export type { CallFault, OrderedFault } from './vitess/call-faults.ts';
export type { ClusterOptions } from './vitess/cluster.ts';
export { Cluster } from './vitess/cluster.ts';
export type { Command, CommandServer, LogLine } from './vitess/command-server.ts';
export { CommandStatus, startCommandServer } from './vitess/command-server.ts';
export type { LegacyStandIn } from './vitess/legacy.ts';
export { startLegacy } from './vitess/legacy.ts';
export type { VtctldStandIn } from './vitess/vtctld.ts';
export { startVtctld } from './vitess/vtctld.ts';
export type { Writer } from './vitess/writer.ts';
export { keepWriting } from './vitess/writer.ts';
