/** One gRPC connection to a server of a Vitess cluster. Every call has a deadline, and ends with the task that makes it. */
import type { CallOptions, ClientReadableStream } from '@grpc/grpc-js';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import type { Clock, Target } from '@longshore/core';
import { BadAddress } from './errors.ts';
import type { Method } from './protocol.ts';
import { isServiceError } from './status.ts';

/** The topology of a large keyspace is a few MB. */
const MAX_REPLY_BYTES = 64 << 20;

export interface ConnectionDeps {
  clock: Clock;
  signal: AbortSignal;
}

export class Connection implements AsyncDisposable {
  /** `host:port`. */
  readonly address: string;
  readonly #client: Client;
  readonly #metadata: Metadata;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;

  /** `grpc://host:port`, or `grpcs://` for TLS. `username` and `password` among the secrets are those of static authentication. */
  constructor(target: Target, { clock, signal }: ConnectionDeps) {
    const [, scheme, address] = /^(?:(grpcs?):\/\/)?([\w.-]+:\d{1,5}|\[[0-9a-fA-F:]+\]:\d{1,5})\/?$/.exec(target.address) ?? [];
    if (address === undefined) throw BadAddress({ target: target.name, address: target.address });
    this.address = address;
    this.#clock = clock;
    this.#signal = signal;
    this.#metadata = new Metadata();
    const { username, password } = target.secrets;
    if (username !== undefined) this.#metadata.set('username', username);
    if (password !== undefined) this.#metadata.set('password', password);
    this.#client = new Client(address, scheme === 'grpcs' ? credentials.createSsl() : credentials.createInsecure(), {
      'grpc.max_receive_message_length': MAX_REPLY_BYTES,
      // A server that is back is found soon, whatever came before.
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 2_000,
      // Connections are not shared beyond a task, so that closing one closes it.
      'grpc.use_local_subchannel_pool': 1,
    });
  }

  /** The reply, or what the server or gRPC said (a `ServiceError`). */
  async unary<Reply>(method: Method, request: object, deadlineMs: number): Promise<Reply> {
    this.#signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<object | undefined>();
    const call = this.#client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      this.#metadata,
      this.#options(deadlineMs),
      (error, reply) => (error ? reject(plain(error)) : resolve(reply)),
    );
    const cancel = (): void => call.cancel();
    this.#signal.addEventListener('abort', cancel, { once: true });
    try {
      return (await promise) as Reply;
    } finally {
      this.#signal.removeEventListener('abort', cancel);
    }
  }

  /** The messages of a stream as they come; throws what ended it, unless it ended well. Leaving it early cancels the call. */
  async *stream<Reply>(method: Method, request: object, deadlineMs: number): AsyncGenerator<Reply> {
    this.#signal.throwIfAborted();
    const call: ClientReadableStream<object> = this.#client.makeServerStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      this.#metadata,
      this.#options(deadlineMs),
    );
    const cancel = (): void => call.cancel();
    this.#signal.addEventListener('abort', cancel, { once: true });
    try {
      for await (const reply of call as AsyncIterable<object>) yield reply as Reply;
    } catch (error) {
      throw plain(error);
    } finally {
      this.#signal.removeEventListener('abort', cancel);
      call.cancel();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.close();
  }

  #options(deadlineMs: number): CallOptions {
    return { deadline: this.#clock.now() + deadlineMs };
  }
}

/** Of a server that cannot be reached grpc-js tells what its resolver noted around what went wrong; only that is kept. */
function plain(error: unknown): unknown {
  if (isServiceError(error))
    error.details = error.details.replace(/^No connection established\. Last error: (?:Error: )?(.*?)\. Resolution note:.*$/s, '$1');
  return error;
}
