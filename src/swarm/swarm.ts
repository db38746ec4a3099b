/**
 * The swarm as this peer sees it: who is there, what they say, and a channel for each job. The only door to libp2p;
 * no type of libp2p leaves this directory. Trust is not decided here: noise proves who is at the other end of a
 * connection, whether they may be given a job is decided by those who know the share.
 */
import './polyfill.ts';
import { generateKeyPair } from '@libp2p/crypto/keys';
import type { Connection, PrivateKey, Stream } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import type { Libp2p, ServiceFactoryMap } from 'libp2p';
import { SwarmError } from '../core/swarm-error.ts';
import type { Frame } from '../wire/frame.ts';
import type { Hello } from '../wire/messages.ts';
import { announced, withoutPeer } from './addresses.ts';
import type { ChannelEnd, JobChannel } from './channel.ts';
import { Dialer } from './dialer.ts';
import { defaultServiceTag, discovery } from './discovery.ts';
import { encodeHello, type ReceivedHello, readHello } from './hello.ts';
import { controlProtocol, jobProtocol, Link } from './link.ts';
import { createNode, maxJobStreams } from './node.ts';
import { defaultPulse, Pulse, type PulseAction, type PulseSettings } from './pulse.ts';
import { toError } from './to-error.ts';

export type { ChannelEnd, JobChannel };

export interface SwarmPeer {
  readonly id: string;
  /** Multiaddrs without /p2p/. */
  readonly addresses: readonly string[];
  readonly hello: Hello;
  /** Smoothed; 0 until the first beat was answered. */
  readonly rttMs: number;
}

/** A peer that speaks another version; shown and left alone. */
export interface OtherVersionPeer {
  readonly id: string;
  readonly addresses: readonly string[];
  /** Empty where not even a hello could be exchanged. */
  readonly version: string;
}

/** bye: it said goodbye; closed: its connection ended; silent: we gave it up; garbage: it sent what is no frame. */
export type GoneReason = 'bye' | 'closed' | 'silent' | 'garbage';
export type ControlFrame = Frame & { readonly type: 'GOSSIP' | 'WANT' | 'FREE' | 'SHARES' };
/** What the control channel lets pass. */
type AnyControlFrame = Frame & {
  readonly type: ControlFrame['type'] | 'HELLO' | 'BEAT' | 'BEAT_ACK' | 'BYE';
};
export type LogLevel = 'debug' | 'info' | 'warn';

export interface SwarmEvents {
  /** Met: both hellos were exchanged. */
  onPeer(peer: SwarmPeer): void;
  onGone(id: string, why: GoneReason): void;
  onControl(id: string, frame: ControlFrame): void;
  /** A job of that peer; set the channel's callbacks before you return. */
  onJob(id: string, channel: JobChannel): void;
  /** A watched peer has been silent for `silentMs`: give it nothing new. */
  onSilence(id: string, silentMs: number): void;
  /** It was silent and is heard again. */
  onWell(id: string): void;
}

export interface SwarmOptions {
  /** Multiaddrs; default any address, any port, IPv4 and IPv6. */
  readonly listen?: readonly string[];
  /** Multiaddrs that are dialled for ever, with or without /p2p/. */
  readonly bootstrap?: readonly string[];
  readonly mdns?: boolean;
  readonly serviceTag?: string;
  /** What to say of ourselves to a peer that is met; called for each. */
  readonly hello: () => Hello;
  readonly events: SwarmEvents;
  readonly log: (level: LogLevel, message: string, fields: Record<string, unknown>) => void;
  /** Monotonic, ms. */
  readonly nowMs?: () => number;
  readonly pulse?: PulseSettings;
  /** A connection whose hello has not come by then is closed. */
  readonly helloTimeoutMs?: number;
}

/** Long: on a busy machine it takes seconds, and those who give up and dial again make it busier. */
const defaultHelloTimeoutMs = 15_000;
/** Two connections that were made at the same time are told from one that replaces a dead one by this. */
const simultaneousMs = 2000;
const maxStrangers = 256;
const byeMs = 300;

/** Makes the identity; nothing is on the network before {@link Swarm.start}. */
export async function createSwarm(options: SwarmOptions): Promise<Swarm> {
  const privateKey = await generateKeyPair('Ed25519');
  return new Swarm(options, privateKey);
}

export class Swarm {
  /** PeerId as libp2p prints it. */
  readonly id: string;
  /** Raw Ed25519 public key, 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly #privateKey: PrivateKey;
  readonly #options: SwarmOptions;
  readonly #events: SwarmEvents;
  readonly #nowMs: () => number;
  readonly #pulse: Pulse;
  readonly #dialer: Dialer;
  readonly #links = new Map<Connection, Link>();
  readonly #peers = new Map<string, Link>();
  readonly #others = new Map<string, OtherVersionPeer>();
  #node: Libp2p | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stopping = false;

  constructor(options: SwarmOptions, privateKey: PrivateKey) {
    this.#options = options;
    this.#events = options.events;
    this.#privateKey = privateKey;
    this.publicKey = privateKey.publicKey.raw;
    this.id = privateKey.publicKey.toString();
    this.#nowMs = options.nowMs ?? (() => performance.now());
    this.#pulse = new Pulse(options.pulse ?? defaultPulse);
    this.#dialer = new Dialer({
      ownId: this.id,
      nowMs: this.#nowMs,
      dial: (addresses, id) => this.#dial(addresses, id),
      isConnected: (id) => this.#peers.has(id),
      onFailed: (target, failures, error) =>
        this.#log(failures === 1 ? 'info' : 'debug', 'could not connect', {
          target,
          failures,
          error: toError(error).message,
        }),
    });
  }

  /** @throws SwarmError `E_LISTEN` if none of the addresses could be listened on. */
  async start(): Promise<void> {
    const listen = this.#options.listen ?? ['/ip4/0.0.0.0/tcp/0', '/ip6/::/tcp/0'];
    const services: ServiceFactoryMap = {};
    if (this.#options.mdns !== false) {
      services['discovery'] = discovery({
        serviceTag: this.#options.serviceTag ?? defaultServiceTag,
        peers: () => this.#peers.size,
        onFound: (id, addresses) => this.connectTo(id, addresses),
        onNoRoute: (reason) =>
          this.#log('warn', 'mDNS cannot reach the network; other peers must be given by --peer', { reason }),
      });
    }
    try {
      const node = await createNode({ privateKey: this.#privateKey, listen, services });
      this.#node = node;
      const streams = { maxInboundStreams: maxJobStreams, maxOutboundStreams: maxJobStreams };
      await node.handle(controlProtocol, (stream, connection) => this.#onControlStream(stream, connection));
      await node.handle(jobProtocol, (stream, connection) => this.#onJobStream(stream, connection), streams);
      node.addEventListener('connection:open', (event) => this.#linkOf(event.detail));
      node.addEventListener('connection:close', (event) => this.#onClosed(event.detail));
      await node.start();
    } catch (thrown) {
      const cause = toError(thrown);
      throw new SwarmError('E_LISTEN', `cannot listen on ${listen.join(', ')}: ${cause.message}`, {
        cause,
        facts: { listen },
      });
    }
    if (this.addresses().length === 0) {
      throw new SwarmError('E_LISTEN', `cannot listen on any of ${listen.join(', ')}`, { facts: { listen } });
    }
    this.#dialer.start(this.#options.bootstrap ?? []);
    this.#tickAfter(this.#pulse.intervalMs);
  }

  /** Says goodbye, closes everything. Nothing of it keeps the process alive afterwards. */
  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    clearTimeout(this.#timer);
    this.#dialer.stop();
    for (const link of this.#peers.values()) link.control?.send('BYE');
    await Promise.all([...this.#links.values()].map((link) => link.close(byeMs)));
    await this.#node?.stop();
  }

  /** Multiaddrs at which others reach us, without /p2p/. */
  addresses(): string[] {
    return announced((this.#node?.getMultiaddrs() ?? []).map(String));
  }

  peers(): SwarmPeer[] {
    return [...this.#peers.values()].map((link) => this.#describe(link));
  }

  otherVersions(): OtherVersionPeer[] {
    return [...this.#others.values()];
  }

  /** How many connections stand, those among them that do not count yet or no more. */
  get connections(): number {
    return this.#links.size;
  }

  /** Job channels that are open, whoever opened them. */
  get jobs(): number {
    let jobs = 0;
    for (const link of this.#links.values()) jobs += link.jobs;
    return jobs;
  }

  isConnected(id: string): boolean {
    return this.#peers.has(id);
  }

  /** Undefined if it is not connected; 0 until the first beat was answered. */
  rttMs(id: string): number | undefined {
    return this.#pulse.get(id)?.rttMs;
  }

  /** Somebody says that a peer is there. Connects unless it is connected; tries again for a while. */
  connectTo(id: string, addresses: readonly string[]): void {
    if (!this.#stopping && !this.#others.has(id)) this.#dialer.found(id, addresses);
  }

  /**
   * Sends a control frame.
   *
   * @returns false if the peer is not connected, or is slow and what waits for it should not grow.
   */
  send(id: string, type: 'GOSSIP' | 'WANT' | 'FREE' | 'SHARES', payload: Uint8Array): boolean {
    return this.#peers.get(id)?.control?.send(type, payload) ?? false;
  }

  /** Whether jobs are in flight between us and that peer, either way: then its silence is noticed in seconds. */
  watch(id: string, on: boolean): void {
    const beforeMs = this.#pulse.intervalMs;
    this.#act(this.#pulse.watch(id, on, this.#nowMs()));
    if (this.#pulse.intervalMs < beforeMs) this.#tickAfter(this.#pulse.intervalMs);
  }

  /**
   * A channel for one job to that peer. Frames may be sent at once; if it is not connected, `onEnd('lost')` comes
   * in a later turn.
   */
  openJob(id: string): JobChannel {
    const link = this.#peers.get(id);
    if (link === undefined || this.#stopping) return Link.lostJob(id);
    return link.openJob();
  }

  #describe(link: Link): SwarmPeer {
    const hello = link.hello as Hello; // only of established links
    const addresses = hello.report.addresses.length > 0 ? hello.report.addresses : [link.remoteAddress];
    return {
      id: link.peer,
      addresses: addresses.map(withoutPeer),
      hello,
      rttMs: this.#pulse.get(link.peer)?.rttMs ?? 0,
    };
  }

  async #dial(addresses: string[], id: string | undefined): Promise<string> {
    const node = this.#node;
    if (node === undefined || addresses.length === 0) {
      throw new SwarmError('E_DIAL', 'there is no address to dial', { facts: { id } });
    }
    const suffix = id === undefined ? '' : `/p2p/${id}`;
    const connection = await node.dial(addresses.map((address) => multiaddr(`${address}${suffix}`)));
    const peer = connection.remotePeer.toString();
    if (peer === this.id) return peer; // our own address in the list of given ones: libp2p closes it below
    await this.#settled(this.#linkOf(connection));
    return peer;
  }

  /** When a connection that we dialled is the one that counts, or another one to the same peer is. */
  async #settled(link: Link): Promise<void> {
    await link.settled;
    if (!this.#peers.has(link.peer) && !this.#others.has(link.peer)) {
      throw new SwarmError('E_DIAL', 'the connection was closed before the hello was answered', {
        facts: { peer: link.peer },
      });
    }
  }

  #linkOf(connection: Connection): Link {
    const known = this.#links.get(connection);
    if (known !== undefined) return known;
    const link = new Link(connection, this.#nowMs(), {
      onHeard: (heard) => this.#onHeard(heard),
      onFault: (faulty, what, error) => this.#log('debug', what, { peer: faulty.peer, error: error.message }),
      onGarbage: (faulty, what, reason) => this.#onGarbage(faulty, what, reason),
    });
    if (connection.status !== 'open') {
      link.settle();
      return link;
    }
    this.#links.set(connection, link);
    if (link.peer === this.id || this.#stopping) {
      link.abort(new Error(this.#stopping ? 'this peer is stopping' : 'connected to itself'));
    } else if (this.#links.size > this.#peers.size * 2 + maxStrangers) {
      link.abort(new Error('too many connections without a hello'));
    } else if (link.dialled) {
      void this.#introduce(link);
    }
    return link;
  }

  /** We dialled: unless the peer is connected by now, open the control stream and say hello. */
  async #introduce(link: Link): Promise<void> {
    if (this.#peers.get(link.peer)?.isOpen === true) {
      void link.close();
      return;
    }
    try {
      await link.openControl((frame) => this.#onControlFrame(link, frame));
      link.helloSentMs = this.#nowMs();
      link.control?.send('HELLO', this.#hello());
    } catch (thrown) {
      const error = toError(thrown);
      if (error.name === 'UnsupportedProtocolError') this.#onOtherVersion(link, '');
      link.abort(error);
    }
  }

  #hello(): Buffer {
    return encodeHello(this.#options.hello());
  }

  #onControlStream(stream: Stream, connection: Connection): void {
    const link = this.#linkOf(connection);
    if (link.control !== undefined || link.dialled) {
      stream.abort(new Error('one control stream a connection, opened by the end that dialled'));
      return;
    }
    link.acceptControl(stream, (frame) => this.#onControlFrame(link, frame));
  }

  #onJobStream(stream: Stream, connection: Connection): void {
    const link = this.#linkOf(connection);
    if (link.establishedMs === undefined || this.#stopping) {
      stream.abort(new Error('no job before the hello'));
      return;
    }
    this.#events.onJob(link.peer, link.acceptJob(stream));
  }

  #onControlFrame(link: Link, any: Frame): void {
    const frame = any as AnyControlFrame; // the channel lets no other pass
    if ((frame.type === 'HELLO') === (link.hello !== undefined)) {
      link.control?.garbage(new Error(`a ${frame.type} frame has no place here`));
      return;
    }
    switch (frame.type) {
      case 'HELLO':
        this.#onHello(link, frame.payload);
        return;
      case 'BEAT':
        link.control?.send('BEAT_ACK', frame.payload.subarray(0, 8));
        return;
      case 'BEAT_ACK':
        if (frame.payload.length === 8) {
          const beat = Number(Buffer.from(frame.payload).readBigUInt64LE(0));
          this.#pulse.acknowledged(link.peer, beat, this.#nowMs());
        }
        return;
      case 'BYE':
        link.saidBye = true;
        void link.close();
        return;
      case 'GOSSIP':
      case 'WANT':
      case 'SHARES':
      case 'FREE':
        if (this.#peers.get(link.peer) === link) this.#events.onControl(link.peer, frame as ControlFrame);
        return;
    }
  }

  #onHello(link: Link, payload: Uint8Array): void {
    let received: ReceivedHello;
    try {
      received = readHello(payload, link.peer);
    } catch (thrown) {
      link.control?.garbage(toError(thrown));
      return;
    }
    if (!link.dialled && !this.#prefers(link)) {
      link.abort(new Error('another connection to this peer counts'));
      return;
    }
    if (!link.dialled) link.control?.send('HELLO', this.#hello());
    if (received.hello === undefined) {
      this.#onOtherVersion(link, received.version);
      void link.close();
      return;
    }
    link.hello = received.hello;
    link.control?.limit(Number.POSITIVE_INFINITY);
    this.#establish(link);
  }

  /**
   * Both ends must keep the same one of two connections. Made at the same time, the one that the lower id dialled
   * stays. Otherwise the other end would not have dialled if it still had the old one.
   */
  #prefers(link: Link): boolean {
    const nowMs = this.#nowMs();
    for (const other of this.#links.values()) {
      if (other === link || other.peer !== link.peer || !other.dialled || !other.isOpen || other.retired)
        continue;
      const isFresh = other.establishedMs === undefined || nowMs - other.establishedMs < simultaneousMs;
      if (isFresh && other.helloSentMs !== undefined && this.id < link.peer) return false;
    }
    return true;
  }

  #establish(link: Link): void {
    const nowMs = this.#nowMs();
    const before = this.#peers.get(link.peer);
    link.establishedMs = nowMs;
    this.#peers.set(link.peer, link);
    this.#others.delete(link.peer);
    for (const other of this.#links.values()) {
      if (other !== link && other.peer === link.peer) other.retire();
    }
    link.settle();
    if (before !== undefined && before !== link) {
      this.#log('debug', 'another connection to the same peer counts now', { peer: link.peer });
      if (this.#pulse.heard(link.peer, nowMs)) this.#events.onWell(link.peer);
      return;
    }
    this.#act(this.#pulse.add(link.peer, nowMs));
    const peer = this.#describe(link);
    this.#dialer.connected(link.peer, peer.addresses);
    this.#log('info', 'peer met', { peer: link.peer, name: peer.hello.report.name });
    this.#events.onPeer(peer);
  }

  #onOtherVersion(link: Link, version: string): void {
    const known = this.#others.has(link.peer);
    if (this.#others.size < maxStrangers) {
      this.#others.set(link.peer, {
        id: link.peer,
        addresses: link.dialled ? [withoutPeer(link.remoteAddress)] : [],
        version,
      });
    }
    this.#dialer.shun(link.peer);
    link.settle();
    if (!known) this.#log('warn', 'a peer speaks another version', { peer: link.peer, version });
  }

  #onHeard(link: Link): void {
    if (this.#peers.get(link.peer) !== link && !link.retired) return;
    if (this.#pulse.heard(link.peer, this.#nowMs())) {
      this.#log('info', 'peer is heard again', { peer: link.peer });
      this.#events.onWell(link.peer);
    }
  }

  #onGarbage(link: Link, what: 'control' | 'job', reason: Error): void {
    this.#log('warn', `malformed ${what} frames`, { peer: link.peer, reason: reason.message });
    if (what === 'control') this.#drop(link, 'garbage', reason);
  }

  #onClosed(connection: Connection): void {
    const link = this.#links.get(connection);
    if (link !== undefined) {
      this.#drop(link, link.saidBye ? 'bye' : 'closed', new Error('the connection ended'));
    }
  }

  /** This link is no more; if it was the one that counted, neither is the peer. */
  #drop(link: Link, why: GoneReason, reason: Error): void {
    if (!this.#links.delete(link.connection)) return;
    link.abort(reason);
    link.settle();
    if (this.#peers.get(link.peer) !== link) return;
    this.#peers.delete(link.peer);
    this.#pulse.remove(link.peer);
    this.#log('info', 'peer gone', { peer: link.peer, why });
    if (!this.#stopping) this.#dialer.gone(link.peer, why !== 'bye');
    if (!this.#stopping) this.#events.onGone(link.peer, why);
  }

  #tickAfter(delayMs: number): void {
    if (this.#stopping) return;
    clearTimeout(this.#timer);
    const dueMs = this.#nowMs() + delayMs;
    this.#timer = setTimeout(() => {
      const nowMs = this.#nowMs();
      this.#act(this.#pulse.tick(nowMs, dueMs));
      for (const link of this.#links.values()) {
        link.sweep(nowMs);
        if (
          link.establishedMs === undefined &&
          nowMs - link.openedMs > (this.#options.helloTimeoutMs ?? defaultHelloTimeoutMs)
        ) {
          this.#drop(link, 'closed', new Error('no hello in time'));
        }
      }
      this.#tickAfter(this.#pulse.intervalMs);
    }, delayMs);
    this.#timer.unref();
  }

  #act(actions: readonly PulseAction[]): void {
    for (const action of actions) {
      const link = this.#peers.get(action.id);
      if (link === undefined) continue;
      if (action.kind === 'beat') {
        const payload = Buffer.alloc(8);
        payload.writeBigUInt64LE(BigInt(action.beat), 0);
        link.control?.send('BEAT', payload);
      } else if (action.kind === 'suspect') {
        this.#log('warn', 'peer is silent', { peer: action.id, silentMs: action.silentMs });
        this.#events.onSilence(action.id, action.silentMs);
      } else {
        this.#drop(link, 'silent', new Error(`silent for ${Math.round(action.silentMs)} ms`));
      }
    }
  }

  #log(level: LogLevel, message: string, fields: Record<string, unknown>): void {
    this.#options.log(level, message, fields);
  }
}
