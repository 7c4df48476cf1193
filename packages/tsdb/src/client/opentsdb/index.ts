/** The door of the OpenTSDB client: what the tasks of this package use. */

export type { Discovery } from './discovery.ts';
export { NoSuchMetric } from './errors.ts';
export type { FrameWriter } from './frames.ts';
export { hasTags } from './parts.ts';
export type { PutError, PutResult } from './put.ts';
export { importText, nameBeyondLatin1, parseImportText, putObjects } from './put-lines.ts';
export type { Reading } from './queries.ts';
export type { OpenTsdbSink } from './sink.ts';
export { openTsdbSink } from './sink.ts';
export type { OpenTsdbClient } from './source.ts';
export { openTsdb } from './source.ts';
