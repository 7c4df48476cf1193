/** A client of one server that takes `/api/put`: OpenTSDB, or VictoriaMetrics' listener for it. */
import type { Clock, TargetSystem } from '@longshore/core';
import type { HttpClient } from '@longshore/http';
import { openHttp } from '@longshore/http';
import { z } from 'zod';
import { Annotator } from './annotate.ts';
import { BadSourceSettings } from './errors.ts';
import type { PutRequest, PutResult } from './put.ts';
import { put } from './put.ts';
import { OpenTsdbSettings } from './source.ts';

export type Serves = 'opentsdb' | 'victoriametrics' | 'put-only';

export interface OpenTsdbSink extends AsyncDisposable {
  readonly name: string;
  readonly settings: OpenTsdbSettings;
  /** Without the credentials and the slash at the end: one server has one name. */
  readonly identity: string;
  /** One request, no retry. */
  put(body: string | Uint8Array, options: Pick<PutRequest, 'flags' | 'contentEncoding'>): Promise<PutResult>;
  /**
   * What answers: OpenTSDB itself says its version; VictoriaMetrics' own port says that it is well; its listener for OpenTSDB knows no
   * other path than the one for putting.
   */
  serves(): Promise<Serves>;
  /** Of an OpenTSDB. */
  readonly annotations: Annotator;
}

const ANSWER_BYTES = 1024 * 1024;

/** A target of system `opentsdb`. Secrets: `authorization`, sent as it is. */
export const openTsdbSink: TargetSystem<OpenTsdbSink> = {
  system: 'opentsdb',
  connect(target, { clock, signal }) {
    const settings = OpenTsdbSettings.safeParse(target.settings);
    if (!settings.success) throw BadSourceSettings({ source: target.name, reason: z.prettifyError(settings.error) });
    const secret = target.secrets.authorization;
    const headers = secret === undefined ? settings.data.headers : { ...settings.data.headers, authorization: secret };
    const http = openHttp({ base: target.address, connections: settings.data.connections, headers, clock });
    return new Sink(target.name, http, settings.data, clock, signal);
  },
};

class Sink implements OpenTsdbSink {
  readonly name: string;
  readonly settings: OpenTsdbSettings;
  readonly #http: HttpClient;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  readonly annotations: Annotator;

  constructor(name: string, http: HttpClient, settings: OpenTsdbSettings, clock: Clock, signal: AbortSignal) {
    this.name = name;
    this.settings = settings;
    this.#http = http;
    this.#clock = clock;
    this.#signal = signal;
    this.annotations = new Annotator(http, name, settings.deadlineMs);
  }

  get identity(): string {
    return this.#http.origin;
  }

  put(body: string | Uint8Array, options: Pick<PutRequest, 'flags' | 'contentEncoding'>): Promise<PutResult> {
    // Not aborted with the task: its own deadline ends it in seconds, while its outcome, cut off, would not be known.
    return put(this.#http, {
      ...options,
      body,
      deadlineMs: this.settings.deadlineMs,
      what: `put to ${this.name}`,
      nowMs: this.#clock.now(),
    });
  }

  async serves(): Promise<Serves> {
    if (/"version"/.test(await this.#text('/api/version'))) return 'opentsdb';
    return (await this.#text('/health')).trim() === 'OK' ? 'victoriametrics' : 'put-only';
  }

  /** Empty for anything but a 200. */
  async #text(path: string): Promise<string> {
    const { deadlineMs } = this.settings;
    const reply = await this.#http.request({ method: 'GET', path, deadlineMs, what: `${path} of ${this.name}`, signal: this.#signal });
    if (reply.status === 200) return reply.text(ANSWER_BYTES);
    await reply.discard();
    return '';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#http[Symbol.asyncDispose]();
  }
}
