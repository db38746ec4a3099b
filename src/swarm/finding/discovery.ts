/**
 * Finding peers by mDNS under a service tag of our own, on top of @libp2p/mdns.
 *
 * Each peer answers each query by multicast, so a query costs all peers as many packets as there are peers. Who knows
 * nobody asks often. The others ask now and then, and leave it out if somebody else has just asked, since they hear
 * the answers too: the swarm as a whole asks once a minute or more rarely. Gossip and redialling do the rest.
 */

import type { PeerInfo, Startable } from '@libp2p/interface';
import { type MulticastDNSComponents, mdns } from '@libp2p/mdns';
import type { SwarmOptions } from '../contract.ts';
import { toError } from '../libp2p/to-error.ts';
import type { Hearsay } from './hearsay.ts';
import { hasMulticastRoute } from './multicast-route.ts';
import type { Sightings } from './sightings.ts';

export const defaultServiceTag = '_buildswarm._udp.local';

/** The next query's distance after the start, ms: a packet may be lost while an interface comes up. */
const firstDelaysMs = [200, 400, 800];
const aloneMs = 1500;
/** While we know somebody: how often to see whether we still do; by chance up to twice as long, so that one asks first. */
const lookAgainMs = 5000;
const togetherMs = 60_000;
/** Answers a second that a peer hears, on average and at most. */
const answersPerS = 1;

export interface DiscoveryOptions {
  readonly serviceTag: string;
  /** How many peers we are connected to. */
  readonly peers: () => number;
  /** Counts what goes out and comes in. */
  readonly sightings: Sightings;
  readonly onFound: (id: string, addresses: string[]) => void;
  readonly hearsay: Hearsay;
  readonly log: SwarmOptions['log'];
}

interface Query {
  readonly questions: readonly { readonly name: string }[];
}
type PacketListener = (packet: unknown, from: unknown) => void;

/** The parts of @libp2p/mdns's service that its types do not show. */
interface Inner extends Startable {
  readonly mdns?: {
    query(query: unknown, done: (error: unknown) => void): void;
    on(event: 'query', listener: (query: Query) => void): void;
    on(event: 'query' | 'response', listener: PacketListener): void;
    listeners(event: 'query' | 'response'): PacketListener[];
    removeAllListeners(event: 'query' | 'response'): void;
  };
  addEventListener(type: 'peer', listener: (event: CustomEvent<PeerInfo>) => void): void;
}

/**
 * A libp2p service. It is not registered as libp2p's own discovery, which would write each answer of each peer
 * into the peer store.
 */
export function discovery(options: DiscoveryOptions): (components: MulticastDNSComponents) => Startable {
  return (components) => {
    // A week: the interval of @libp2p/mdns itself never comes, we query.
    const intervalMs = 7 * 24 * 3_600_000;
    const inner = mdns({ serviceTag: options.serviceTag, interval: Math.min(intervalMs, 2 ** 31 - 1) })(
      components,
    ) as unknown as Inner;
    return new Discovery(inner, options);
  };
}

class Discovery implements Startable {
  readonly #inner: Inner;
  readonly #options: DiscoveryOptions;
  #timer: NodeJS.Timeout | undefined;
  #queries = 0;
  #queriedMs = performance.now();
  #toldNoRoute = false;

  constructor(inner: Inner, options: DiscoveryOptions) {
    this.#inner = inner;
    this.#options = options;
    inner.addEventListener('peer', ({ detail }) => {
      options.sightings.answers += 1;
      options.onFound(detail.id.toString(), detail.multiaddrs.map(String));
    });
  }

  async start(): Promise<void> {
    if (!(await hasMulticastRoute())) this.#noRoute('no route for multicast (224.0.0.0/4)');
    await this.#inner.start(); // asks for the first time
    for (const kind of ['query', 'response'] as const) this.#ration(kind);
    this.#options.sightings.queries += 1;
    this.#inner.mdns?.on('query', ({ questions }) => {
      if (questions.some(({ name }) => name === this.#options.serviceTag))
        this.#queriedMs = performance.now();
    });
    this.#schedule();
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#inner.stop();
  }

  /** To read a packet costs many times what it costs to send one. */
  #ration(kind: 'query' | 'response'): void {
    const { mdns } = this.#inner;
    const read = mdns?.listeners(kind) ?? [];
    mdns?.removeAllListeners(kind);
    mdns?.on(kind, (packet, from) => {
      if (this.#options.hearsay.mayRead()) for (const listener of read) listener(packet, from);
    });
  }

  #schedule(): void {
    this.#timer = setTimeout(() => this.#wake(), this.#delayMs());
    this.#timer.unref();
  }

  #delayMs(): number {
    if (this.#options.peers() > 0) return lookAgainMs * (1 + Math.random());
    return firstDelaysMs[this.#queries] ?? aloneMs * (0.75 + Math.random() / 2);
  }

  #wake(): void {
    const peers = this.#options.peers();
    const distanceMs = peers === 0 ? 0 : Math.max(togetherMs, (peers / answersPerS) * 1000);
    const nowMs = performance.now();
    if (nowMs - this.#queriedMs >= distanceMs) {
      this.#queriedMs = nowMs;
      this.#queries += 1;
      this.#query();
    }
    this.#schedule();
  }

  #query(): void {
    this.#inner.mdns?.query(
      { questions: [{ name: this.#options.serviceTag, type: 'PTR' }] },
      (thrown: unknown) => {
        if (thrown === null || thrown === undefined) this.#options.sightings.queries += 1;
        else this.#noRoute(toError(thrown).message);
      },
    );
  }

  #noRoute(reason: string): void {
    if (this.#toldNoRoute) return;
    this.#toldNoRoute = true;
    this.#options.sightings.noRoute = reason;
    const only = 'peers are found only by --peer, by their files in a share and through each other';
    this.#options.log('warn', `multicast does not leave this machine (${reason}): ${only}`, {});
  }
}
