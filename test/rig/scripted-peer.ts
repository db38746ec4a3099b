/** A peer that does what a test says, on a real unix socket with the real codec. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type ByteString, splitNul } from '../../src/wire/bytes.ts';
import { encodeFrame, type Frame, FrameDecoder, type FrameName } from '../../src/wire/frame.ts';
import { encodeStdinTaken } from '../../src/wire/wrapper-messages.ts';
import { raw } from './raw.ts';
import { until } from './until.ts';

const deadlineMs = 20_000;

/** One end of a connection: frames in order, as they came. */
export class Link {
  readonly socket: Socket;
  readonly #frames: Frame[] = [];
  isClosed = false;
  onFrame: ((frame: Frame) => void) | undefined;

  constructor(socket: Socket, allowed: readonly FrameName[]) {
    this.socket = socket;
    const decoder = new FrameDecoder(allowed);
    socket.on('data', (chunk) => {
      for (const frame of decoder.push(chunk)) {
        if (this.onFrame === undefined) this.#frames.push(frame);
        else this.onFrame(frame);
      }
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.isClosed = true;
    });
    socket.on('end', () => {
      this.isClosed = true;
    });
  }

  send(type: FrameName, payload: Uint8Array | string = ''): void {
    this.socket.write(encodeFrame(type, raw(payload)));
  }

  /** STDIN_TAKEN of so many bytes. */
  taken(total: number): void {
    this.send('STDIN_TAKEN', encodeStdinTaken(total));
  }

  exit(kind: 0 | 1, number: number): void {
    this.socket.end(encodeFrame('EXIT', raw(Uint8Array.of(kind, number, 0))));
  }

  /** The next frame, which must be of `type`. */
  async next(type: FrameName): Promise<Buffer> {
    const frame = await until(() => this.#frames.shift(), deadlineMs, `a ${type} frame comes`);
    if (frame.type !== type) throw new Error(`expected ${type}, got ${frame.type}`);
    return Buffer.from(frame.payload);
  }

  /** Hands over what came and will come. */
  listen(onFrame: (frame: Frame) => void): void {
    for (const frame of this.#frames.splice(0)) onFrame(frame);
    this.onFrame = onFrame;
  }

  async closed(): Promise<void> {
    await until(() => this.isClosed, deadlineMs, 'the connection is closed');
  }
}

/** A wrapper that asked to run a command. */
export interface Caller {
  readonly link: Link;
  readonly argv: readonly ByteString[];
  readonly environment: readonly ByteString[];
  readonly job: ReadonlyMap<string, ByteString>;
}

export class ScriptedPeer {
  readonly socketPath: string;
  readonly #directory: string;
  readonly #server: Server;
  readonly #links: Link[] = [];
  readonly #sockets = new Set<Socket>();
  connections = 0;

  private constructor(directory: string, server: Server) {
    this.#directory = directory;
    this.#server = server;
    this.socketPath = path.join(directory, 'peer.sock');
  }

  static async start(): Promise<ScriptedPeer> {
    const server = createServer({ allowHalfOpen: true });
    const peer = new ScriptedPeer(mkdtempSync(path.join(tmpdir(), 'peer-')), server);
    server.on('connection', (socket) => {
      peer.connections += 1;
      peer.#sockets.add(socket);
      peer.#links.push(new Link(socket, ['ARGV', 'ENV', 'JOB', 'STDIN', 'STDIN_END', 'SIGNAL']));
    });
    await new Promise<void>((resolve) => server.listen({ path: peer.socketPath, backlog: 511 }, resolve));
    return peer;
  }

  /** The next connection, whatever it says. */
  async link(): Promise<Link> {
    return until(() => this.#links.shift(), deadlineMs, 'a wrapper connects');
  }

  /** The next wrapper, with its whole request. */
  async caller(): Promise<Caller> {
    const link = await this.link();
    const argv = splitNul(await link.next('ARGV'), 1_000_000);
    const environment = splitNul(await link.next('ENV'), 1_000_000);
    const pairs = splitNul(await link.next('JOB'), 100).map((pair): [string, string] => {
      const equals = pair.indexOf('=');
      return [pair.slice(0, equals), pair.slice(equals + 1)];
    });
    return { link, argv, environment, job: new Map(pairs) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
