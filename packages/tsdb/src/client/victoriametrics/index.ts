export type { Endpoint, SinkAddress, SinkSettings } from './address.ts';
export { SinkSettingsSchema, sinkAddress } from './address.ts';
export type { VerifyRequest, VictoriaMetricsDeps } from './client.ts';
export { VictoriaMetricsClient, victoriaMetrics } from './client.ts';
export type { ChunkComparison, CompareOptions } from './compare.ts';
export { compareChunk } from './compare.ts';
export type { SinkCounters, SinkFlags } from './counters.ts';
export { flagDurationMs, risen } from './counters.ts';
export {
  BadExport,
  ImportRefused,
  ImportUncertain,
  ReadRefused,
  SinkAddressUnusable,
  SinkCannotZstd,
  SinkDropsData,
  SinkNotReadable,
  SinkPushesBack,
} from './errors.ts';
export type { ExportRequest } from './export.ts';
export type { BodyEncoding, ImportResult } from './import.ts';
export { canonicalKey, SeriesKeys } from './labels.ts';
export type { LineView } from './lines.ts';
export { countItems, viewLine, viewLines, wholeLines } from './lines.ts';
export type { ProbeRequest, ProbeResult } from './probe.ts';
export { DEFAULT_QUEUE_MS, PROBE_METRIC } from './probe.ts';
export type { Matchers } from './selector.ts';
export { selector } from './selector.ts';
