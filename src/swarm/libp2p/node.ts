/**
 * The libp2p node with every limit as a build swarm on a LAN needs it: many peers may start at once behind one
 * address, and a submitter has hundreds of job streams to one worker.
 */
import './polyfill.ts';
import './steady-interfaces.ts';
import type { Connection, PrivateKey, Stream } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p, type Libp2p, type ServiceFactoryMap } from 'libp2p';
import { SwarmError } from '../../core/swarm-error.ts';
import { hostOf } from '../finding/addresses.ts';
import { controlProtocol, jobProtocol, treeProtocol } from '../link.ts';
import { Gate } from './gate.ts';
import { corkedTcp, lazyYamux, leanNoise, quietLogger, withoutPeerStore } from './lean.ts';
import { hasOffended, maxJobStreams, strangersStreams } from './stream-limit.ts';
import { toError } from './to-error.ts';

/**
 * Per stream: what may be on the way unread. Fixed at yamux's initial window, so that a paused stream holds
 * this much and no more (libp2p resets a stream that has 4 MiB unread).
 */
const windowBytes = 256 * 1024;

const idleSocketMs = 10 * 60_000;

export async function createNode(options: {
  privateKey: PrivateKey;
  listen: readonly string[];
  services: ServiceFactoryMap;
  gate?: Gate;
}): Promise<Libp2p> {
  const node: Libp2p = await createLibp2p({
    start: false,
    logger: quietLogger(),
    privateKey: options.privateKey,
    addresses: { listen: [...options.listen] },
    // Our beats keep the sockets busy and judge them; libp2p's own idle timer must never be first.
    transports: [
      corkedTcp(
        {
          inboundSocketInactivityTimeout: idleSocketMs,
          outboundSocketInactivityTimeout: idleSocketMs,
        },
        options.gate,
      ),
    ],
    connectionEncrypters: [leanNoise({ prologueBytes: Buffer.from('buildswarm/1') })],
    streamMuxers: [
      lazyYamux({
        enableKeepAlive: false,
        maxInboundStreams: strangersStreams,
        maxOutboundStreams: maxJobStreams,
        streamOptions: { initialStreamWindowSize: windowBytes, maxStreamWindowSize: windowBytes },
      }),
    ],
    connectionMonitor: { enabled: false },
    connectionManager: {
      maxConnections: 2000,
      inboundConnectionThreshold: 200,
      maxIncomingPendingConnections: 200,
      maxParallelDials: 64,
      // For the handshake; a connect that is not answered is given up after two seconds (lean.ts).
      dialTimeout: 30_000,
      addressDialTimeout: 20_000,
      inboundUpgradeTimeout: 20_000,
      reconnectRetries: 0,
      // The dialer has put the best address first.
      addressSorter: () => 0,
    },
    services: options.services,
  });
  withoutPeerStore(node);
  return node;
}

export interface NodeOptions {
  readonly privateKey: PrivateKey;
  readonly listen: readonly string[];
  readonly services: ServiceFactoryMap;
  readonly onControl: (stream: Stream, connection: Connection) => void;
  readonly onStream: (kind: 'job' | 'tree', stream: Stream, connection: Connection) => void;
  /** A host makes too many connections. */
  readonly onTurnedAway: (address: string) => void;
  readonly onOpen: (connection: Connection) => void;
  readonly onClosed: (connection: Connection) => void;
}

/** @throws SwarmError `E_LISTEN` if none of the addresses could be listened on. */
export async function startNode(options: NodeOptions): Promise<Libp2p> {
  const { listen } = options;
  const fault = (cause: unknown, why: string) =>
    new SwarmError('E_LISTEN', `cannot listen on ${listen.join(', ')}: ${why}`, { cause });
  try {
    const gate = new Gate(() => performance.now(), options.onTurnedAway);
    const node = await createNode({ ...options, gate });
    const streams = { maxInboundStreams: maxJobStreams, maxOutboundStreams: maxJobStreams };
    await node.handle(controlProtocol, options.onControl);
    await node.handle(
      jobProtocol,
      (stream, connection) => options.onStream('job', stream, connection),
      streams,
    );
    await node.handle(treeProtocol, (stream, connection) => options.onStream('tree', stream, connection));
    node.addEventListener('connection:open', ({ detail }) => {
      if (detail.direction === 'inbound') gate.opened(hostOf(detail.remoteAddr.toString()));
      options.onOpen(detail);
    });
    node.addEventListener('connection:close', ({ detail }) => {
      const host = hostOf(detail.remoteAddr.toString());
      if (detail.direction === 'inbound') gate.closed(host);
      if (hasOffended(detail)) gate.offended(host);
      options.onClosed(detail);
    });
    await node.start();
    if (node.getMultiaddrs().length > 0) return node;
    await node.stop();
  } catch (thrown) {
    throw fault(thrown, toError(thrown).message);
  }
  throw fault(undefined, 'no address is left');
}

/** @param addresses - multiaddrs without /p2p/. @param id - who must answer, if that is known. */
export function dialNode(
  node: Libp2p,
  addresses: readonly string[],
  id: string | undefined,
): Promise<Connection> {
  const suffix = id === undefined ? '' : `/p2p/${id}`;
  return node.dial(addresses.map((address) => multiaddr(`${address}${suffix}`)));
}
