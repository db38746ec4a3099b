/**
 * What makes libp2p cheap enough for small jobs.
 * Measured on 2 cores, a process an end, a stream a job (streams are used again since, see line.ts), CPU per job at the
 * submitting end: in sequence 1.34 ms without, 0.9 with; 100 at once 0.45 and 0.25. Each of these leaves libp2p's protocols as they are on the wire.
 *
 * - Sockets are corked until the end of the event loop's turn: noise writes each message in two pieces, each job
 *   sends several, and a system call costs as much as the rest.
 * - A window update waits until a quarter of the window is used up; yamux here sends one for each message.
 * - That the length of a message has not come yet is no error: noise makes one, with its stack, for each packet.
 * - The deadline for opening is one for all streams of a second: each timer makes an error when it rings, long after.
 * - No logger: each stream makes several scopes, and each asks the terminal for its colours.
 * - No peer store: each stream opened would be written to it, and we keep addresses ourselves.
 */
import { setMaxListeners } from 'node:events';
import type { Server, Socket } from 'node:net';
import { type NoiseInit, noise } from '@chainsafe/libp2p-noise';
import type {
  ComponentLogger,
  Listener,
  Logger,
  StreamMuxerFactory,
  Transport,
  Upgrader,
} from '@libp2p/interface';
import { type TCPComponents, type TCPOptions, type TCPSocketOptions, tcp } from '@libp2p/tcp';
import { type YamuxMuxerInit, yamux } from '@libp2p/yamux';
import type { Libp2p } from 'libp2p';
import { Bucket } from '../../core/bucket.ts';
import type { Gate } from './gate.ts';
import { isStranger, type Muxer, noteOffence } from './stream-limit.ts';

const connectTimeoutMs = 2000;
const socketBufferBytes = 256 * 1024;

export function quietLogger(): ComponentLogger {
  const quiet = () => {};
  const logger: Logger = Object.assign(() => {}, {
    error: quiet,
    trace: quiet,
    enabled: false,
    newScope: (): Logger => logger,
  });
  return { forComponent: () => logger };
}

/** The parts of a node that its type does not show. */
interface NodeParts {
  readonly components?: { readonly addressManager?: { _updatePeerStoreAddresses?: () => void } };
}

/** Dials are by address, so nothing is ever read from it. */
export function withoutPeerStore(node: Libp2p): void {
  const store = node.peerStore;
  const nothing = (async () => undefined) as never;
  store.merge = nothing;
  store.patch = nothing;
  // It writes our addresses there a second after the last listener was closed, and keeps the process waiting for it.
  const { addressManager } = (node as unknown as NodeParts).components ?? {};
  if (addressManager !== undefined) addressManager._updatePeerStoreAddresses = () => {};
}

/** The part of a listener of libp2p that its type does not show. */
interface WithServer {
  readonly server?: Server;
}

/** Turns away who may not connect before libp2p has made anything of the socket: that costs more than the rest. */
function guard(listener: Listener, gate: Gate): Listener {
  const { server } = listener as WithServer;
  const accept = server?.listeners('connection') ?? [];
  if (server === undefined) return listener;
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    if (!gate.admit(socket.remoteAddress ?? '')) socket.resetAndDestroy();
    else for (const listen of accept) listen.call(server, socket);
  });
  return listener;
}

export function corkedTcp(options: TCPOptions, gate?: Gate): (components: TCPComponents) => Transport {
  // Not in its type, but handed on to node:net.
  const socketOptions: TCPSocketOptions & { highWaterMark: number } = { highWaterMark: socketBufferBytes };
  return (components) => {
    const transport = tcp({ ...options, dialOpts: socketOptions, listenOpts: socketOptions })(components);
    const dial = transport.dial.bind(transport);
    const createListener = transport.createListener.bind(transport);
    transport.dial = async (address, init) => {
      const deadline = connectDeadline(init.signal);
      try {
        const upgrader = corking(init.upgrader, () => {
          deadline.met();
          return init.signal;
        });
        return await dial(address, { ...init, signal: deadline.signal, upgrader });
      } finally {
        deadline.met();
      }
    };
    transport.createListener = (init) => {
      const listener = createListener({ ...init, upgrader: corking(init.upgrader) });
      return gate === undefined ? listener : guard(listener, gate);
    };
    return transport;
  };
}

/** The parts of a TCP connection of libp2p that its types do not show. */
interface SocketConnection {
  readonly socket?: { cork(): void; uncork(): void };
  sendData?(data: unknown): unknown;
}

/**
 * The kernel of a machine that is there answers a connect at once, however busy the machine; its peer may take long
 * for the handshake. So the one is short and the other (libp2p's own timeout) long: a busy swarm whose peers
 * gave each other up in the middle of the handshake would never meet.
 */
function connectDeadline(outer: AbortSignal): { readonly signal: AbortSignal; readonly met: () => void } {
  const controller = new AbortController();
  const abort = () => controller.abort(outer.reason);
  const timer = setTimeout(() => {
    // Our own loop may be late, with the answer waiting to be read.
    setImmediate(() => {
      if (!isMet) controller.abort(new Error(`no connection within ${connectTimeoutMs} ms`));
    });
  }, connectTimeoutMs);
  let isMet = false;
  outer.addEventListener('abort', abort);
  if (outer.aborted) abort();
  return {
    signal: controller.signal,
    met: () => {
      isMet = true;
      clearTimeout(timer);
      outer.removeEventListener('abort', abort);
    },
  };
}

/** @param onConnected - gives the signal that counts for the handshake. */
function corking(upgrader: Upgrader, onConnected?: () => AbortSignal): Upgrader {
  return {
    upgradeInbound: (connection, options) => {
      cork(connection as SocketConnection);
      return upgrader.upgradeInbound(connection, options);
    },
    upgradeOutbound: (connection, options) => {
      cork(connection as SocketConnection);
      const signal = onConnected?.();
      return upgrader.upgradeOutbound(connection, signal === undefined ? options : { ...options, signal });
    },
  } as Upgrader;
}

function cork(connection: SocketConnection): void {
  const { socket } = connection;
  const send = connection.sendData?.bind(connection);
  if (socket === undefined || send === undefined) return;
  let corked = false;
  const uncork = () => {
    corked = false;
    socket.uncork();
  };
  connection.sendData = (data) => {
    if (!corked) {
      corked = true;
      socket.cork();
      setImmediate(uncork);
    }
    return send(data);
  };
}

/** The parts of yamux that its types do not show. */
interface LazyMuxer extends Muxer {
  sendFrame?(...rest: unknown[]): boolean;
  _newStream?(...rest: unknown[]): LazyStream;
  incomingStream?(id: number): void;
  handlePing?(header: unknown): void;
}
interface LazyStream {
  recvWindow: number;
  recvWindowCapacity: number;
  /** 0 and 2: its first update, which opens or accepts the stream, is still to be sent. */
  state: number;
  sendWindowUpdate(): void;
}
const established = new Set([1, 3]);
/** What waits beyond what the socket holds, of a peer that sends and does not read: pongs, resets, answers. */
const mostWaitingBytes = 8 * 1024 * 1024;

/** Streams that a peer which is not proven may open: it needs a few, and each costs a negotiation or a reset. */
const streamsOfStranger = { burst: 256, perS: 16 } as const;
/** Of any peer; ours sends none. */
const pingsOfPeer = { burst: 64, perS: 4 } as const;

/** Ends a connection that keeps this end busy with what leads to nothing. */
function limitWork(muxer: LazyMuxer, end: (why: string) => void): void {
  const incoming = muxer.incomingStream?.bind(muxer);
  const ping = muxer.handlePing?.bind(muxer);
  if (incoming === undefined || ping === undefined) return;
  const streams = new Bucket(streamsOfStranger, performance.now());
  const pings = new Bucket(pingsOfPeer, performance.now());
  muxer.incomingStream = (id) => {
    if (!isStranger(muxer) || streams.take(1, performance.now())) incoming(id);
    else end('a stranger opens too many streams');
  };
  muxer.handlePing = (header) => {
    if (pings.take(1, performance.now())) ping(header);
    else end('the peer sends too many pings');
  };
}

export function lazyYamux(init: YamuxMuxerInit): () => StreamMuxerFactory {
  return () => {
    const factory = yamux(init)();
    const createStreamMuxer = factory.createStreamMuxer.bind(factory);
    factory.createStreamMuxer = (connection) => {
      const muxer = createStreamMuxer(connection);
      const lazy = muxer as unknown as LazyMuxer;
      const end = (why: string): void => {
        noteOffence({ muxer: lazy });
        connection.abort(new Error(why));
      };
      limitWork(lazy, end);
      const newStream = lazy._newStream?.bind(lazy);
      const sendFrame = lazy.sendFrame?.bind(lazy);
      if (newStream === undefined || sendFrame === undefined) return muxer;
      // A muxer that is aborted says so, and throws if its connection is closed already: in an event listener,
      // where that would end the process.
      const writable = connection as unknown as { readonly writeStatus: string };
      lazy.sendFrame = (...rest) => {
        if (writable.writeStatus !== 'writable') return false;
        if (connection.writeBufferLength > mostWaitingBytes) {
          end('the peer does not read what it is sent');
          return false;
        }
        return sendFrame(...rest);
      };
      lazy._newStream = (...rest) => {
        const stream = newStream(...rest);
        const update = stream.sendWindowUpdate.bind(stream);
        stream.sendWindowUpdate = () => {
          if (established.has(stream.state) && stream.recvWindowCapacity > stream.recvWindow * 0.75) return;
          update();
        };
        return stream;
      };
      return muxer;
    };
    return factory;
  };
}

/** What holds received bytes. */
interface Received {
  readonly length: number;
  get(index: number): number;
}

/** The part of a connection of noise that its type does not show. */
interface EncryptedConnection {
  readonly decoder?: { lengthDecoder?: (received: Received) => number };
}

/** Of a message of which the length has not come yet it says a byte, which has not come either: its decoder waits for more. */
function messageLength(received: Received): number {
  return received.length < 2 ? 1 : received.get(0) * 256 + received.get(1);
}

export function leanNoise(init: NoiseInit): ReturnType<typeof noise> {
  return (components) => {
    const encrypter = noise(init)(components);
    const inbound = encrypter.secureInbound.bind(encrypter);
    const outbound = encrypter.secureOutbound.bind(encrypter);
    const lean = <Secured extends { readonly connection: unknown }>(secured: Secured): Secured => {
      const { decoder } = secured.connection as EncryptedConnection;
      if (decoder?.lengthDecoder !== undefined) decoder.lengthDecoder = messageLength;
      return secured;
    };
    encrypter.secureInbound = async (...rest) => lean(await inbound(...rest));
    encrypter.secureOutbound = async (...rest) => lean(await outbound(...rest));
    return encrypter;
  };
}

const openTimeoutMs = 10_000;
const sharedMs = 1_000;

/** Deadlines for streams that are being opened: one for all that begin within a second. */
export class OpenDeadline {
  #signal: AbortSignal | undefined;
  #madeMs = 0;

  get signal(): AbortSignal {
    const nowMs = performance.now();
    if (this.#signal === undefined || nowMs - this.#madeMs > sharedMs) {
      this.#signal = AbortSignal.timeout(openTimeoutMs);
      this.#madeMs = nowMs;
      setMaxListeners(Number.POSITIVE_INFINITY, this.#signal);
    }
    return this.#signal;
  }
}
