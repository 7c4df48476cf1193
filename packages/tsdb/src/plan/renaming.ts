/**
 * Other names in the sink. Pure.
 *
 * A rule is `pattern=replacement`: each `*` of the pattern stands for any run of characters, as short as it can be, and the stars of the
 * replacement are, one after the other, what those of the pattern stand for. The first rule whose pattern is the whole name of a metric is
 * applied; then what Prometheus does not allow becomes `_`, where that was asked for; tags that were asked for are added.
 *
 * **No two series become one.** Of metrics that is looked at in the plan, which has all of them. Within a metric it holds when each of its
 * tags in the sink has one origin, whatever series it is met in: a tag of the source by its name, or what was added. For then the tags a
 * series has in the source can be told from those it has in the sink. Only tags that could have several origins are asked about
 * (`origins`), and all attempts of an operation agree on what was met first (`Store.agree`).
 */
import type { Json } from '@longshore/core';
import { z } from 'zod';
import { labelPairs } from '../client/labels.ts';

export interface Renaming {
  /** `pattern=replacement`. */
  rename?: string[] | undefined;
  prometheusNames?: boolean | undefined;
  extraLabels?: Record<string, string> | undefined;
}

const NAME = '__name__';
const MOST_RULES = 200;
const MOST_CHARACTERS = 500;
const UNUSABLE = /[\s\p{Cc}]/u;

export interface Rule {
  text: string;
  /** What stands between the stars. */
  pattern: string[];
  replacement: string[];
}

/** A rule, or what is wrong with it. */
export function parseRule(text: string): Rule | { wrong: string } {
  const wrong = (why: string): { wrong: string } => ({ wrong: `the renaming "${text}" ${why}` });
  const at = text.indexOf('=');
  if (at < 0) return wrong('is not of the form pattern=replacement');
  const [pattern, replacement] = [text.slice(0, at), text.slice(at + 1)];
  if (pattern === '' || replacement === '') return wrong('has nothing on one side of its =');
  if (text.length > MOST_CHARACTERS) return wrong(`is longer than ${MOST_CHARACTERS} characters`);
  if (replacement.includes('=')) return wrong('has a second =');
  if (text.includes('?')) return wrong('has a ?, but only * is wild here');
  if (UNUSABLE.test(text)) return wrong('has a blank or a control character');
  const rule = { text, pattern: pattern.split('*'), replacement: replacement.split('*') };
  if (rule.replacement.length > rule.pattern.length) return wrong('has more stars behind its = than in front of it');
  return rule;
}

const ruleText = z
  .string()
  .superRefine((text, { addIssue }) => {
    const rule = parseRule(text);
    if ('wrong' in rule) addIssue({ code: 'custom', message: rule.wrong });
  })
  .describe('pattern=replacement, such as kilda.*=flow.*');

const labels = z.record(z.string(), z.string()).superRefine((pairs, { addIssue }) => {
  for (const [key, value] of Object.entries(pairs)) {
    const wrong =
      key === '' || value === ''
        ? 'has no name, or no value'
        : key === NAME
          ? 'would replace the name of the metric'
          : key.length > 200 || value.length > 1000
            ? 'is too long'
            : UNUSABLE.test(key) || /\p{Cc}/u.test(value)
              ? 'has a blank in its name, or a control character'
              : undefined;
    if (wrong !== undefined) addIssue({ code: 'custom', message: `the extra label "${key}=${value}" ${wrong}` });
  }
});

/** The parameters that name it. */
export const renamingParams: {
  rename: z.ZodOptional<z.ZodType<string[], string[]>>;
  prometheusNames: z.ZodOptional<z.ZodBoolean>;
  extraLabels: z.ZodOptional<z.ZodType<Record<string, string>, Record<string, string>>>;
} = {
  rename: z
    .array(ruleText)
    .max(MOST_RULES)
    .optional()
    .describe('other names for metrics in the sink: pattern=replacement with *, the first that fits'),
  prometheusNames: z.boolean().optional().describe('names of metrics and tags as Prometheus allows them: what it does not becomes _'),
  extraLabels: labels.optional().describe('tags that every series gets in the sink'),
};

/** As it is kept with a plan. */
export const storedRenaming: z.ZodType<Renaming> = z.object({
  rename: z.array(z.string()).optional(),
  prometheusNames: z.boolean().optional(),
  extraLabels: z.record(z.string(), z.string()).optional(),
});

/** Undefined when everything arrives under its own name. */
export function renamingOf({ rename, prometheusNames, extraLabels }: Renaming): Renaming | undefined {
  const given: Renaming = {
    ...(rename === undefined || rename.length === 0 ? {} : { rename }),
    ...(prometheusNames === true ? { prometheusNames } : {}),
    ...(extraLabels === undefined || Object.keys(extraLabels).length === 0 ? {} : { extraLabels }),
  };
  return Object.keys(given).length === 0 ? undefined : given;
}

/** Letters, digits, `_`, and `:` in names of metrics; no digit in front. */
function prometheusName(name: string, others: RegExp): string {
  const plain = name.replace(others, '_');
  return /^[0-9]/.test(plain) ? `_${plain}` : plain;
}
const NOT_IN_METRICS = /[^a-zA-Z0-9_:]/gu;
const NOT_IN_TAGS = /[^a-zA-Z0-9_]/gu;

/** Two things of the source that would be one in the sink. */
export interface Merge {
  one: string;
  other: string;
  becomes: string;
}

/** A tag of the sink and what it comes from in a series. */
export interface Origin {
  tag: string;
  /** As it is agreed on. */
  origin: string;
}

/** What the plan says of it. */
export interface RenamingReview {
  /** Each a sentence; none when it may be run. */
  wrong: string[];
  merges: Merge[];
  /** Rules that fit no metric. */
  idle: string[];
  /** Metrics that get another name. */
  renamed: number;
  example?: { before: string; after: string };
}

/** More series than this, and what was made of their labels is made anew. */
const CACHED_SERIES = 200_000;

export class SinkNames {
  readonly #rules: Rule[];
  readonly #prometheus: boolean;
  readonly #extra: [string, string][];
  readonly #series = new Map<string, string>();

  constructor({ rename = [], prometheusNames = false, extraLabels = {} }: Renaming) {
    this.#rules = rename.map(parseRule).filter((rule) => 'pattern' in rule);
    this.#prometheus = prometheusNames;
    this.#extra = Object.entries(extraLabels);
  }

  /** Series get other tags, not only other names. */
  get touchesTags(): boolean {
    return this.#prometheus || this.#extra.length > 0;
  }

  /** Every metric keeps its name. */
  get keepsMetrics(): boolean {
    return this.#rules.length === 0 && !this.#prometheus;
  }

  get keepsAll(): boolean {
    return this.keepsMetrics && !this.touchesTags;
  }

  #ruleFor(metric: string): { rule: Rule; stars: string[] } | undefined {
    for (const rule of this.#rules) {
      const stars = starsOf(rule.pattern, metric);
      if (stars !== undefined) return { rule, stars };
    }
    return undefined;
  }

  /** Name of a metric in the sink. */
  metric(metric: string): string {
    const found = this.#ruleFor(metric);
    const [first = '', ...rest] = found?.rule.replacement ?? [metric];
    const renamed = rest.reduce((text, literal, at) => text + found!.stars[at]! + literal, first);
    return this.#prometheus ? prometheusName(renamed, NOT_IN_METRICS) : renamed;
  }

  /** Name of a tag in the sink. */
  tag(tag: string): string {
    return this.#prometheus ? prometheusName(tag, NOT_IN_TAGS) : tag;
  }

  /** Both names, where they differ: what a row of the report is called. */
  row(metric: string): string {
    const renamed = this.metric(metric);
    return renamed === metric ? metric : `${metric} → ${renamed}`;
  }

  /** The `metric` object of a line, as text, with the names of the sink. */
  series(labelsText: string): string {
    const known = this.#series.get(labelsText);
    if (known !== undefined) return known;
    const pairs = labelPairs(labelsText).map(([key, value]): [string, string] =>
      key === NAME ? [NAME, this.metric(value)] : [this.tag(key), value],
    );
    for (const [key, value] of this.#extra) if (!pairs.some(([present]) => present === key)) pairs.push([key, value]);
    const text = `{${pairs.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(',')}}`;
    if (this.#series.size >= CACHED_SERIES) this.#series.clear();
    this.#series.set(labelsText, text);
    return text;
  }

  /** What the tags of a series come from, as far as there is a choice; or why the series cannot get its names. */
  origins(labelsText: string): Origin[] | { wrong: string } {
    const origins: Origin[] = [];
    const tags = labelPairs(labelsText).filter(([key]) => key !== NAME);
    for (const [source, value] of tags) {
      const tag = this.tag(source);
      if (tag === NAME) return { wrong: `its tag "${source}" would take the place of the metric's name` };
      const extra = this.#extra.find(([key]) => key === tag);
      if (extra !== undefined && extra[1] !== value)
        return { wrong: `it has the tag ${source}=${value}, and ${tag}=${extra[1]} was to be added` };
      // Where nothing became a _ the tag has kept its name, and no other can get it.
      if (extra !== undefined || (this.#prometheus && tag.includes('_'))) origins.push({ tag, origin: `the tag "${source}"` });
    }
    for (const [key] of this.#extra)
      if (!tags.some(([source]) => this.tag(source) === key)) origins.push({ tag: key, origin: 'what is added' });
    return origins;
  }

  /** Looks at all metrics of an operation. */
  review(metrics: readonly string[]): RenamingReview {
    const review: RenamingReview = { wrong: [], merges: [], idle: [], renamed: 0 };
    const taken = new Map<string, string>();
    const used = new Set<Rule>();
    for (const [key] of this.#extra)
      if (this.tag(key) !== key) review.wrong.push(`the extra label "${key}" is no name that Prometheus allows`);
    for (const metric of metrics) {
      const found = this.#ruleFor(metric);
      if (found !== undefined) used.add(found.rule);
      const renamed = this.metric(metric);
      if (renamed !== metric) review.renamed += 1;
      if (renamed === '') review.wrong.push(`${metric} would have no name in the sink`);
      const other = taken.get(renamed);
      if (other !== undefined) review.merges.push({ one: other, other: metric, becomes: renamed });
      taken.set(renamed, metric);
    }
    review.idle = this.#rules.filter((rule) => !used.has(rule)).map(({ text }) => text);
    const shown = metrics.find((metric) => this.metric(metric) !== metric) ?? metrics[0];
    if (shown !== undefined) {
      const extra = this.#extra.map(([key, value]) => ` ${key}=${value}`).join('');
      review.example = { before: shown, after: `${this.metric(shown)}${extra}` };
    }
    return review;
  }
}

/** What the stars stand for, when the whole name fits. Each takes as little as it can, the last one the rest. */
function starsOf(pattern: readonly string[], name: string): string[] | undefined {
  const first = pattern[0]!;
  if (pattern.length === 1) return name === first ? [] : undefined;
  const last = pattern.at(-1)!;
  const end = name.length - last.length;
  if (end < first.length || !name.startsWith(first) || !name.endsWith(last)) return undefined;
  const stars: string[] = [];
  let at = first.length;
  for (const literal of pattern.slice(1, -1)) {
    const found = name.indexOf(literal, at);
    if (found < 0 || found + literal.length > end) return undefined;
    stars.push(name.slice(at, found));
    at = found + literal.length;
  }
  return [...stars, name.slice(at, end)];
}

const names: WeakMap<object, SinkNames> = new WeakMap();
const none: SinkNames = new SinkNames({});

/** The names that a stored plan gives; made once per plan object. Plans of other kinds give none. */
export function namesOf(data: Json): SinkNames {
  if (typeof data !== 'object' || data === null || Array.isArray(data) || data.renaming === undefined) return none;
  const known = names.get(data);
  if (known !== undefined) return known;
  const made = new SinkNames(storedRenaming.parse(data.renaming));
  names.set(data, made);
  return made;
}

/** For people. */
export function renamingText({ rename = [], prometheusNames, extraLabels = {} }: Renaming): string {
  return [
    ...rename,
    ...(prometheusNames === true ? ['names as Prometheus allows them'] : []),
    ...Object.entries(extraLabels).map(([key, value]) => `and ${key}=${value}`),
  ].join(', ');
}
