/** The door of the VictoriaMetrics client: what the tasks of this package use. */

export type { VerifyRequest } from './client.ts';
export { VictoriaMetricsClient, victoriaMetrics } from './client.ts';
export type { ChunkComparison } from './compare.ts';
export type { SinkCounters } from './counters.ts';
export { risen } from './counters.ts';
export { SinkDropsData, SinkPushesBack } from './errors.ts';
export type { DigestVerdict, MetricDigests } from './native/digests.ts';
export type { ProbeRequest, ProbeResult, ReadBack } from './probe.ts';
