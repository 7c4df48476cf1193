/** What can be set about the OpenTSDB stand-in. May be changed while it runs; `/api/config` shows the real names. */
export interface OpenTsdbSettings {
  /** `tsd.http.request.enable_chunked`, false by default on the real server: then bodies above 8 KiB get a 400. */
  enableChunked: boolean;
  /** `tsd.http.request.max_chunk`; a larger body is answered by closing the connection. */
  maxChunkBytes: number;
  /** `tsd.core.auto_create_metrics`, false by default on the real server. */
  autoCreateMetrics: boolean;
  /** `tsd.http.query.allow_delete`. When on, a delete really deletes. */
  allowDelete: boolean;
  /** `tsd.http.show_stack_trace`. */
  showStackTrace: boolean;
  /** `tsd.query.limits.data_points.default`; 0: none. When rows read so far have come to it and there are more, the answer is a 413. */
  maxPointsPerQuery: number;
  /** `tsd.query.limits.bytes.default`; 0: none. The same, at about 16 stored bytes a point. */
  maxBytesPerQuery: number;
  /** The version this one claims to be. `2.2` does not know the aggregator `none`. */
  version: '2.2' | '2.3' | '2.4';
  /** A real server prints an integer as a double when the next point of its series is one. Off: every number text as it was stored. */
  widenIntegersBeforeFloats: boolean;
  /** A real server answers a series that has points in the hour, but none in the range, with empty `dps`. Off: it is left out. */
  emptySeriesOfSameHour: boolean;
  /** Metrics that `/api/suggest` does not tell, though they can be queried. */
  hiddenMetrics: Set<string>;
  /** `tsd.core.tag.allow_specialchars`. */
  specialCharacters: string;
}

/** Bodies above it reach a server without chunk support in pieces, whatever their headers say. */
export const UNCHUNKED_LIMIT_BYTES = 8192;
/** The longest first line of a request; longer ones are answered by closing the connection. */
export const REQUEST_LINE_LIMIT = 4096;
export const MAX_TAGS = 8;

export const DEFAULT_SETTINGS: OpenTsdbSettings = {
  enableChunked: true,
  maxChunkBytes: 33_554_432,
  autoCreateMetrics: true,
  allowDelete: false,
  showStackTrace: true,
  maxPointsPerQuery: 0,
  maxBytesPerQuery: 0,
  version: '2.4',
  widenIntegersBeforeFloats: false,
  emptySeriesOfSameHour: true,
  hiddenMetrics: new Set(),
  specialCharacters: '',
};

export function configTexts(settings: OpenTsdbSettings): Record<string, string> {
  return {
    'tsd.core.auto_create_metrics': String(settings.autoCreateMetrics),
    'tsd.core.tag.allow_specialchars': settings.specialCharacters,
    'tsd.http.query.allow_delete': String(settings.allowDelete),
    'tsd.http.request.enable_chunked': String(settings.enableChunked),
    'tsd.http.request.max_chunk': String(settings.maxChunkBytes),
    'tsd.http.show_stack_trace': String(settings.showStackTrace),
    'tsd.mode': 'rw',
    'tsd.query.limits.bytes.default': String(settings.maxBytesPerQuery),
    'tsd.query.limits.data_points.default': String(settings.maxPointsPerQuery),
    'tsd.query.timeout': '0',
    'tsd.storage.max_tags': String(MAX_TAGS),
  };
}
