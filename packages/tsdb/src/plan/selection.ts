/** Which metrics and series are meant. Pure. */

export interface Selection {
  /** Names begin with one of these; empty: all. */
  prefixes: string[];
  /** Names match one of these, `*` and `?`; empty: all. */
  match: string[];
  /** Names match none of these. */
  exclude: string[];
}

/** As parameters say it: an empty prefix is none. */
export function selectionOf(params: {
  metricsPrefix: string;
  prefixes?: string[] | undefined;
  match?: string[] | undefined;
  exclude?: string[] | undefined;
}): Selection {
  const { metricsPrefix, prefixes = metricsPrefix === '' ? [] : [metricsPrefix], match = [], exclude = [] } = params;
  return { prefixes, match, exclude };
}

/** `*` is any run of characters, `?` one. */
export function globRule(glob: string): RegExp {
  const escaped = glob.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`, 'su');
}

export function selectMetrics(metrics: readonly string[], { match, exclude }: Pick<Selection, 'match' | 'exclude'>): string[] {
  const wanted = match.map(globRule);
  const unwanted = exclude.map(globRule);
  return metrics.filter(
    (metric) => (wanted.length === 0 || wanted.some((rule) => rule.test(metric))) && !unwanted.some((rule) => rule.test(metric)),
  );
}

/** What has to be asked of the source for a selection: prefixes that lie in others are left out, a glob's beginning is a prefix. */
export function prefixesToAsk({ prefixes, match }: Selection): string[] {
  const wanted = prefixes.length > 0 ? prefixes : match.length > 0 ? match.map((glob) => /^[^*?]*/.exec(glob)![0]) : [''];
  const sorted = [...new Set(wanted)].sort();
  return sorted.filter((prefix) => !sorted.some((other) => other !== prefix && prefix.startsWith(other)));
}
