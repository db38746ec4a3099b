/**
 * The libp2p node with every limit as a build swarm on a LAN needs it: many peers may start at once behind one
 * address, and a submitter has hundreds of job streams to one worker.
 */
import './polyfill.ts';
import { noise } from '@chainsafe/libp2p-noise';
import type { PrivateKey } from '@libp2p/interface';
import { createLibp2p, type Libp2p, type ServiceFactoryMap } from 'libp2p';
import { corkedTcp, lazyYamux, quietLogger, withoutPeerStore } from './lean.ts';

/** Job streams to or from one peer at a time. */
export const maxJobStreams = 4096;

/**
 * Per stream: what may be on the way unread. Fixed at yamux's initial window, so that a paused stream holds
 * this much and no more (libp2p resets a stream that has 4 MiB unread).
 */
export const windowBytes = 256 * 1024;

const idleSocketMs = 10 * 60_000;

export async function createNode(options: {
  privateKey: PrivateKey;
  listen: readonly string[];
  services: ServiceFactoryMap;
}): Promise<Libp2p> {
  const node: Libp2p = await createLibp2p({
    start: false,
    logger: quietLogger(),
    privateKey: options.privateKey,
    addresses: { listen: [...options.listen] },
    // Our beats keep the sockets busy and judge them; libp2p's own idle timer must never be first.
    transports: [
      corkedTcp({
        inboundSocketInactivityTimeout: idleSocketMs,
        outboundSocketInactivityTimeout: idleSocketMs,
      }),
    ],
    connectionEncrypters: [noise({ prologueBytes: Buffer.from('buildswarm/1') })],
    streamMuxers: [
      lazyYamux({
        enableKeepAlive: false,
        maxInboundStreams: maxJobStreams,
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
