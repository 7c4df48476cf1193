/** Pegasus servers on the loopback: metas and replicas, each on a port that takes its calls and HTTP, told apart by the first four bytes. */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { type Clock, systemClock } from '@longshore/core';
import { type Answer, CALLS, forward, INNER, NEWER } from './calls.ts';
import { type ClusterState, PegasusClusterState, type TableSpec } from './cluster.ts';
import { type PegasusFault, PegasusFaults } from './faults.ts';
import { metaPage, type Page, replicaPage } from './pages.ts';
import { type PegasusTimes, REAL_TIMES } from './state.ts';
import { BadRequest, type Fields, In, Out, text } from './wire.ts';

export interface PegasusOptions extends Partial<Omit<ClusterState, 'times' | 'deadNodes'>> {
  name: string;
  metas?: number;
  replicas?: number;
  times?: Partial<PegasusTimes>;
  tables?: TableSpec[];
  clock?: Clock;
}

export interface PegasusStandIn extends AsyncDisposable {
  readonly state: PegasusClusterState;
  readonly faults: PegasusFaults;
  /** `127.0.0.1:port,127.0.0.1:port` */
  readonly metas: string;
  /** Every call that arrived, oldest first: `RPC_CM_LIST_NODES`, `GET /metrics?…`. */
  readonly calls: { call: string; node: string; at: number }[];
  close(): Promise<void>;
}

const HEADER_BYTES = 48;
const CALL = 0x80010001 | 0;
const REPLY = 0x80010002 | 0;
const MAX_BODY_BYTES = 64 << 20;
const MAX_HEAD_BYTES = 64 << 10;
const OVERSIZED = 0x7fffffff;

interface Request {
  call: string;
  seq: number;
  fields: Fields;
}

function readRequest(body: Buffer): Request {
  const from = new In(body);
  if (from.i32() !== CALL) throw new BadRequest('it is no call');
  const call = from.text();
  const seq = from.i32();
  // What is inside of a call nobody knows is nobody's business: it is answered by its name and number.
  if (!CALLS.has(call)) return { call, seq, fields: new Map() };
  const args = from.struct({ 1: INNER[call] ?? {} });
  const fields = args.get(1);
  if (!(fields instanceof Map)) throw new BadRequest('it has no argument');
  return { call, seq, fields: fields as Fields };
}

function reply({ call, seq }: Request, error: string, answer?: Answer): Buffer {
  const inside = new Out();
  if (answer !== undefined && 'struct' in answer) inside.bare(0, answer.struct.end());
  if (answer !== undefined && 'text' in answer) inside.text(0, answer.text);
  const head = Buffer.alloc(4);
  head.writeInt32BE(REPLY);
  const number = Buffer.alloc(4);
  number.writeInt32BE(seq);
  const rest = Buffer.concat([text(error), head, text(`${call}_ACK`), number, inside.end()]);
  const length = Buffer.alloc(4);
  length.writeInt32BE(rest.length + 4);
  return Buffer.concat([length, rest]);
}

/** One server's port. */
class Port {
  readonly #world: World;
  readonly #role: 'meta' | 'replica';
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  address = '';

  constructor(world: World, role: 'meta' | 'replica') {
    this.#world = world;
    this.#role = role;
    this.#server = createServer((socket) => this.#serve(socket));
  }

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const at = this.#server.address();
    this.address = `127.0.0.1:${typeof at === 'object' ? at?.port : ''}`;
    return this.address;
  }

  #gone(): boolean {
    const { state } = this.#world;
    return state.settings.dead || (this.#role === 'replica' && !state.alive(this.address)) || state.settings.deadNodes.has(this.address);
  }

  #serve(socket: Socket): void {
    if (this.#gone()) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket)).on('error', () => socket.destroy());
    let rest: Buffer = Buffer.alloc(0);
    socket.on('data', (bytes: Buffer) => {
      if (this.#gone()) {
        socket.destroy();
        return;
      }
      rest = Buffer.concat([rest, bytes]);
      try {
        rest = this.#take(socket, rest);
      } catch (error) {
        if (!(error instanceof BadRequest)) throw error;
        socket.destroy(); // as a server does with what it cannot read
      }
    });
  }

  /** Handles every whole request, and gives what is left. */
  #take(socket: Socket, given: Buffer): Buffer {
    let rest = given;
    while (rest.length >= 4) {
      const magic = rest.toString('latin1', 0, 4);
      if (magic === 'GET ') {
        const left = this.#http(socket, rest);
        if (left.length === rest.length) return rest; // not whole yet
        rest = left;
        continue;
      }
      if (magic !== 'THFT') throw new BadRequest('it is neither a call nor a page');
      if (rest.length < 8) return rest;
      const version = rest.readUInt32BE(4);
      if (version > 1) throw new BadRequest(`nobody knows headers of version ${version}`);
      const headerBytes = version === 1 ? 16 : HEADER_BYTES;
      if (rest.length < headerBytes) return rest;
      if (version === 0 && rest.readUInt32BE(8) !== HEADER_BYTES) throw new BadRequest('the header has another length');
      const metaBytes = version === 1 ? rest.readUInt32BE(8) : 0;
      const bodyBytes = version === 1 ? rest.readUInt32BE(12) : rest.readUInt32BE(16);
      if (bodyBytes > MAX_BODY_BYTES) throw new BadRequest('it is too long');
      const whole = headerBytes + metaBytes + bodyBytes;
      if (rest.length < whole) return rest;
      void this.#call(socket, readRequest(rest.subarray(headerBytes + metaBytes, whole)));
      rest = rest.subarray(whole);
    }
    return rest;
  }

  async #call(socket: Socket, request: Request): Promise<void> {
    const fault = this.#world.arrived(request.call, this.address);
    if (fault?.kind === 'delay') await this.#world.later(fault.ms);
    if (fault?.kind === 'silent') return;
    if (fault?.kind === 'late') {
      await this.#world.later(fault.ms);
      this.#answer(request);
      return;
    }
    if (fault?.kind === 'cut-before') {
      socket.destroy();
      return;
    }
    if (fault?.kind === 'header-error') {
      socket.write(reply(request, fault.name));
      return;
    }
    if (fault?.kind === 'error') {
      // Every answer has its error in field 1; the few that must have more get it.
      const struct = new Out().bare(1, text(fault.name));
      if (request.call === 'RPC_CM_ADD_DUPLICATION')
        struct
          .i32(2, 0)
          .i32(3, 0)
          .text(4, fault.hint ?? '');
      else if (request.call === 'RPC_CM_UPDATE_APP_ENV') struct.text(2, fault.hint ?? '');
      else if (request.call === 'RPC_CM_MODIFY_DUPLICATION') struct.i32(2, 0);
      socket.write(reply(request, 'ERR_OK', { struct }));
      return;
    }
    const answer = this.#answer(request);
    if (fault?.kind === 'no-answer') return;
    if (fault?.kind === 'cut-after') {
      socket.destroy();
      return;
    }
    const frame = answer === undefined ? reply(request, 'ERR_HANDLER_NOT_FOUND') : reply(request, 'ERR_OK', answer);
    if (fault?.kind === 'truncated') {
      frame.writeInt32BE(frame.length - 2, 0);
      socket.write(frame.subarray(0, frame.length - 2));
      return;
    }
    if (fault?.kind === 'oversized') frame.writeInt32BE(OVERSIZED, 0);
    socket.write(fault?.kind === 'wrong-seq' ? reply({ ...request, seq: request.seq + 1_000_000 }, 'ERR_OK', answer) : frame);
  }

  #answer(request: Request): Answer | undefined {
    const { state } = this.#world;
    state.advance();
    const call = CALLS.get(request.call);
    const newer = state.settings.dialect === '2.6';
    if (call === undefined || (NEWER.has(request.call) && !newer)) return undefined;
    const ofMeta = request.call.startsWith('RPC_CM_');
    if (ofMeta && this.#role === 'replica') return undefined;
    if (ofMeta && state.metas[state.leader] !== this.address) return forward(request.call, state.metas[state.leader] ?? '', newer);
    return call(state, request.fields, this.address);
  }

  #http(socket: Socket, given: Buffer): Buffer {
    const end = given.indexOf('\r\n\r\n');
    if (end < 0 && given.length > MAX_HEAD_BYTES) throw new BadRequest('its head is too long');
    if (end < 0) return given;
    const [line = ''] = given.toString('latin1', 0, end).split('\r\n');
    const [, path] = /^GET (\S+) HTTP\/1\.[01]$/.exec(line) ?? [];
    if (path === undefined) throw new BadRequest('it is no request');
    void this.#page(socket, path, /^connection: *close$/im.test(given.toString('latin1', 0, end)));
    return given.subarray(end + 4);
  }

  async #page(socket: Socket, path: string, last: boolean): Promise<void> {
    const fault = this.#world.arrived(`GET ${path}`, this.address);
    if (fault?.kind === 'delay' || fault?.kind === 'late') await this.#world.later(fault.ms);
    if (fault?.kind === 'silent' || fault?.kind === 'no-answer') return;
    if (fault?.kind === 'cut-before' || fault?.kind === 'cut-after') {
      socket.destroy();
      return;
    }
    const url = new URL(path, 'http://node');
    const page: Page =
      fault?.kind === 'header-error' || fault?.kind === 'error'
        ? { status: 500, body: fault.name }
        : (this.#role === 'meta' ? metaPage : replicaPage)(this.#world.state, this.address, url);
    const body = fault?.kind === 'truncated' ? page.body.slice(0, -1) : page.body;
    const words: Readonly<Record<number, string>> = { 200: 'OK', 307: 'Temporary Redirect', 400: 'Bad Request', 404: 'Not Found' };
    socket.write(
      [
        `HTTP/1.1 ${page.status} ${words[page.status] ?? 'Error'}`,
        'Content-Type: text/plain',
        `Content-Length: ${Buffer.byteLength(body)}`,
        ...(page.location === undefined ? [] : [`Location: ${page.location}`]),
        '',
        body,
      ].join('\r\n'),
    );
    if (last) socket.end();
  }

  /** Cuts what is open. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

class World {
  readonly state: PegasusClusterState;
  readonly faults = new PegasusFaults();
  readonly calls: { call: string; node: string; at: number }[] = [];
  readonly #clock: Clock;
  readonly #ended = new AbortController();

  constructor(state: PegasusClusterState, clock: Clock) {
    this.state = state;
    this.#clock = clock;
  }

  arrived(call: string, node: string): PegasusFault | undefined {
    this.calls.push({ call, node, at: this.#clock.now() });
    return this.faults.strike({ call, node });
  }

  async later(ms: number): Promise<void> {
    await this.#clock.sleep(ms, this.#ended.signal).catch(() => undefined);
  }

  end(): void {
    this.#ended.abort();
  }
}

/** Starts a cluster. `neighbours` of its state says where it may duplicate to; it forgets everything when it is closed. */
export async function startPegasus(options: PegasusOptions): Promise<PegasusStandIn> {
  const { name, metas = 2, replicas = 3, times = {}, tables = [], clock = systemClock, ...settings } = options;
  const state = new PegasusClusterState(
    {
      name,
      dialect: '2.4',
      zookeeperHosts: '',
      shipsPerSecond: 100_000,
      wroteWhileCopying: 0,
      stuck: false,
      dead: false,
      counters: (settings.dialect ?? '2.4') === '2.4',
      estimates: true,
      shippingPage: true,
      ...settings,
      times: { ...REAL_TIMES, ...(settings.dialect === '2.6' ? { statsMs: 60_000 } : {}), ...times },
      deadNodes: new Set(),
    },
    clock,
  );
  const world = new World(state, clock);
  const ports: Port[] = [];
  for (let at = 0; at < metas; at += 1) {
    const port = new Port(world, 'meta');
    state.metas.push(await port.listen());
    ports.push(port);
  }
  for (let at = 0; at < replicas; at += 1) {
    const port = new Port(world, 'replica');
    state.addNode(await port.listen());
    ports.push(port);
  }
  for (const table of tables) state.addTable(table);
  const close = async (): Promise<void> => {
    world.end();
    await Promise.all(ports.map((port) => port.close()));
  };
  return { state, faults: world.faults, metas: state.metas.join(','), calls: world.calls, close, [Symbol.asyncDispose]: close };
}
