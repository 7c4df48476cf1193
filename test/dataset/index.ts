export type { Dataset, DatasetOptions, Series } from './kilda.ts';
export { KILDA_METRICS, kildaDataset } from './kilda.ts';
export { load } from './load.ts';
export { readSeries, verify } from './verify.ts';
