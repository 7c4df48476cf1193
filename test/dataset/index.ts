export type { Dataset, DatasetOptions, Point, Series } from './kilda.ts';
export { KILDA_METRICS, kildaDataset } from './kilda.ts';
export type { Loaded, LoadOptions } from './load.ts';
export { load } from './load.ts';
export type { ReadSeries, Verified } from './verify.ts';
export { readSeries, verify } from './verify.ts';
