export { DensityMemory } from './density.ts';
export type { Discovery, Suggest } from './discovery.ts';
export { discover, SUGGEST_MAX } from './discovery.ts';
export {
  BadSourceSettings,
  ErrorInReply,
  MalformedReply,
  NoRawReads,
  NoSuchMetric,
  SourceBusy,
  SourceDuplicates,
  SourceRefused,
  TooMuchAsked,
  TruncatedReply,
  wantsSmallerFrame,
} from './errors.ts';
export type { FrameRetry, FrameWriter, OpenFrame, RangeOptions, RangeSource, RangeSummary } from './frames.ts';
export { FIRST_FRAME_MS, FRAME_RETRY, readRange } from './frames.ts';
export type { FrameQuery } from './queries.ts';
export { frameQuery } from './queries.ts';
export type { ScannerOptions } from './scanner.ts';
export { ReplyScanner } from './scanner.ts';
export type { OpenTsdbClient, OpenTsdbDeps, SourceProbe } from './source.ts';
export { OpenTsdbSettings, OpenTsdbSource, openTsdb } from './source.ts';
export { TIMESTAMP_SPLIT, TimestampHash, timestampHashText, timestampLaneA, timestampLaneB } from './timestamp-hash.ts';
