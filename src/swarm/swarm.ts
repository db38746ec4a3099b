/**
 * The swarm as this peer sees it: who is there, what they say, and a channel for each job. The only door to libp2p;
 * no type of libp2p leaves this directory. Trust is not decided here: noise proves who is at the other end of a
 * connection, whether they may be given a job is decided by those who know the share.
 */
import './libp2p/polyfill.ts';
import './libp2p/steady-interfaces.ts';
import { generateKeyPair } from '@libp2p/crypto/keys';
import type { Connection, PrivateKey, Stream } from '@libp2p/interface';
import type { Libp2p } from 'libp2p';
import { SwarmError } from '../core/swarm-error.ts';
import { encodeBeat, encodeHello, type Hello, parseHello } from '../wire/control-messages.ts';
import type { Frame, Payload, PayloadArguments } from '../wire/frame.ts';
import type { ControlFrame, GoneReason, OtherVersionPeer, SwarmOptions, SwarmPeer } from './contract.ts';
import { takeControlFrame } from './control-frames.ts';
import { announced, nearby, withoutPeer } from './finding/addresses.ts';
import { Dialer, type Mention } from './finding/dialer.ts';
import { defaultServiceTag, discovery } from './finding/discovery.ts';
import { Hearsay } from './finding/hearsay.ts';
import { Sightings } from './finding/sightings.ts';
import { Heart } from './heart.ts';
import type { JobChannel } from './libp2p/channel.ts';
import { dialNode, startNode } from './libp2p/node.ts';
import { toError } from './libp2p/to-error.ts';
import { Link, type StreamKind } from './link.ts';
import { OtherVersions } from './other-versions.ts';
import { hasForgotten, staysBeside } from './rivals.ts';

/** Long: on a busy machine it takes seconds, and those who give up and dial again make it busier. */
const defaultHelloTimeoutMs = 15_000;
const maxStrangers = 256;
const byeMs = 300;

/** Makes the identity; nothing is on the network before {@link Swarm.start}. */
export async function createSwarm(options: SwarmOptions): Promise<Swarm> {
  return new Swarm(options, await generateKeyPair('Ed25519'));
}

export class Swarm {
  /** PeerId as libp2p prints it. */
  readonly id: string;
  /** Raw Ed25519 public key, 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly #privateKey: PrivateKey;
  readonly #options: SwarmOptions;
  readonly #nowMs: () => number;
  readonly #heart: Heart;
  readonly #hearsay: Hearsay;
  readonly #dialer: Dialer;
  readonly #links = new Map<Connection, Link>();
  readonly #peers = new Map<string, Link>();
  readonly #others = new OtherVersions();
  readonly #trusted = new Set<string>();
  #sayHello: (() => Hello) | undefined;
  #node: Libp2p | undefined;
  #stopping = false;

  constructor(options: SwarmOptions, privateKey: PrivateKey) {
    this.#options = options;
    this.#privateKey = privateKey;
    this.publicKey = privateKey.publicKey.raw;
    this.id = privateKey.publicKey.toString();
    this.#nowMs = options.nowMs ?? (() => performance.now());
    this.#heart = new Heart({
      nowMs: this.#nowMs,
      settings: options.pulse,
      sendBeat: (id, beat) => this.#peers.get(id)?.control?.send('BEAT', encodeBeat(beat)),
      log: options.log,
      onSuspect: (id, silentMs) => options.events.onSilence(id, silentMs),
      onWell: (id) => options.events.onWell(id),
      onLost: (id, silentMs) => {
        const link = this.#peers.get(id);
        if (link) this.#drop(link, 'silent', new Error(`silent for ${Math.round(silentMs)} ms`));
      },
      onTick: (nowMs) => this.#sweep(nowMs),
    });
    this.#hearsay = new Hearsay(this.#nowMs, options.log);
    this.#dialer = new Dialer({
      hearsay: this.#hearsay,
      ownId: this.id,
      nowMs: this.#nowMs,
      dial: (addresses, id) => this.#dial(addresses, id),
      isConnected: (id) => this.#peers.has(id),
      onFailed: (target, failures, error) => {
        const facts = { target, failures, error: toError(error).message };
        this.#options.log(failures === 1 ? 'info' : 'debug', 'could not connect', facts);
      },
    });
  }

  /**
   * @param hello - what to say of this peer to each that is met.
   * @throws SwarmError `E_LISTEN` if none of the addresses could be listened on.
   */
  async start(hello: () => Hello): Promise<void> {
    this.#sayHello = hello;
    this.#node = await startNode({
      privateKey: this.#privateKey,
      listen: this.#options.listen ?? ['/ip4/0.0.0.0/tcp/0', '/ip6/::/tcp/0'],
      services: this.#options.mdns === false ? {} : { discovery: this.#discovery() },
      onControl: (stream, connection) => this.#onControlStream(stream, connection),
      onStream: (kind, stream, connection) => this.#onStream(kind, stream, connection),
      onTurnedAway: (address) => this.#options.sightings?.turnAway(address, this.#nowMs()),
      onOpen: (connection) => this.#linkOf(connection),
      onClosed: (connection) => this.#onClosed(connection),
    });
    this.#dialer.start(this.#options.bootstrap ?? []);
    this.#heart.start();
  }

  #discovery(): ReturnType<typeof discovery> {
    const { serviceTag = defaultServiceTag, log, sightings = new Sightings() } = this.#options;
    return discovery({
      serviceTag,
      peers: () => this.#peers.size,
      hearsay: this.#hearsay,
      sightings,
      onFound: (id, addresses) => this.connectTo(id, addresses, 'answer'),
      log,
    });
  }

  /** Says goodbye and closes everything: nothing of it keeps the process alive. */
  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#heart.stop();
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
    return [...this.#peers.values()].map((link) => link.describe(this.#heart.rttMs(link.peer)));
  }

  otherVersions(): OtherVersionPeer[] {
    return this.#others.list();
  }

  /** How many connections stand, those among them that do not count yet or no more. */
  get connections(): number {
    return this.#links.size;
  }

  /** Job channels that are open, whoever opened them. */
  get jobs(): number {
    return [...this.#links.values()].reduce((sum, link) => sum + link.jobs, 0);
  }

  /** Those of them with proven peers. Each is open until the other end has taken what was said on it last. */
  get trustedJobs(): number {
    const links = [...this.#links.values()].filter(({ peer }) => this.#trusted.has(peer));
    return links.reduce((sum, link) => sum + link.jobs, 0);
  }

  /** Streams for jobs that stand, with a job on them or without. */
  get jobStreams(): number {
    return [...this.#links.values()].reduce((sum, link) => sum + link.jobStreams, 0);
  }

  isConnected(id: string): boolean {
    return this.#peers.has(id);
  }

  /** Undefined if it is not connected; 0 until the first beat was answered. */
  rttMs(id: string): number | undefined {
    return this.#heart.rttMs(id);
  }

  /** Somebody says that a peer is there: tries to connect for a while; unless `known`, within our own networks only. */
  connectTo(id: string, addresses: readonly string[], source: Mention = 'known'): void {
    // Hearsay comes with every gossip: what it costs, an idle peer would pay all day.
    if (source !== 'known' && this.#peers.has(id)) return;
    if (this.#stopping || id === this.id || this.#others.has(id)) return;
    const isHearsay = source !== 'known';
    this.#dialer.found(id, isHearsay ? nearby(addresses) : addresses, isHearsay, source === 'answer');
  }

  /** Dials these addresses, whoever answers there, until others, or none, are given for the same name. */
  keepDialling(name: string, addresses: readonly string[]): void {
    if (!this.#stopping) this.#dialer.keepDialling(name, addresses);
  }

  /** Sends a control frame. @returns false if the peer is not connected, or slow: what waits for it should not grow. */
  send<Type extends ControlFrame['type']>(id: string, type: Type, ...said: PayloadArguments<Type>): boolean {
    return this.#peers.get(id)?.control?.send(type, ...said) ?? false;
  }

  /** A connected peer is proven: it may open as many streams, and send frames as long, as a build needs. */
  trust(id: string): void {
    this.#trusted.add(id);
    this.#peers.get(id)?.trust();
  }

  /** Ends all that stands between this peer and another one, at once. It may come again, and has then proven nothing. */
  end(id: string): void {
    for (const link of this.#links.values())
      if (link.peer === id) this.#drop(link, 'forgotten', new Error('its machine was forgotten here'));
  }

  /** When anything was last heard of a peer, by the clock of this peer; undefined if it is not connected. */
  lastWordMs(id: string): number | undefined {
    return this.#heart.lastWordMs(id);
  }

  /** Whether jobs are in flight between us and that peer, either way: then its silence is noticed in seconds. */
  watch(id: string, on: boolean): void {
    this.#heart.watch(id, on);
  }

  /** This machine may have moved to another network: whoever cannot be reached any more is to be noticed in seconds. */
  askAll(): void {
    this.#heart.askAll();
  }

  /** A channel for one job. Frames may be sent at once; if the peer is not connected, `onEnd('lost')` comes later. */
  openJob(id: string): JobChannel {
    return (this.#stopping ? undefined : this.#peers.get(id))?.openJob() ?? Link.lost(id);
  }

  /** As {@link openJob}, to show a worker this machine's files. */
  openTree(id: string): JobChannel {
    return (this.#stopping ? undefined : this.#peers.get(id))?.openTree() ?? Link.lost(id);
  }

  async #dial(addresses: string[], id: string | undefined): Promise<string> {
    const node = this.#node;
    if (node === undefined || addresses.length === 0)
      throw new SwarmError('E_DIAL', 'there is no address to dial');
    const connection = await dialNode(node, addresses, id);
    const peer = connection.remotePeer.toString();
    if (peer === this.id) return peer; // our own address in the list of given ones: libp2p closes it below
    await this.#linkOf(connection).settled;
    // It, or another connection to the same peer, counts now; or it was closed.
    if (this.#peers.has(peer) || this.#others.has(peer)) return peer;
    throw new SwarmError('E_DIAL', 'the connection was closed before the hello was answered');
  }

  #linkOf(connection: Connection): Link {
    const known = this.#links.get(connection);
    if (known !== undefined) return known;
    const link = new Link(connection, this.#nowMs(), {
      onHeard: (heard) => this.#onHeard(heard),
      onFault: (faulty, what, error) =>
        this.#options.log('debug', what, { peer: faulty.peer, error: error.message }),
      onGarbage: (faulty, what, reason) => this.#onGarbage(faulty, what, reason),
      onJob: (from, channel) => this.#options.events.onJob(from.peer, channel),
    });
    if (connection.status !== 'open') {
      link.settle();
      return link;
    }
    if (!link.dialled) this.#options.sightings?.cameIn();
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
    if (this.#peers.get(link.peer)?.isOpen === true) return void link.close();
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

  #hello(): Payload<'HELLO'> {
    if (this.#sayHello === undefined) throw new Error('internal: a connection before the swarm was started');
    return encodeHello(this.#sayHello());
  }

  #onControlStream(stream: Stream, connection: Connection): void {
    const link = this.#linkOf(connection);
    if (link.control !== undefined || link.dialled)
      return stream.abort(new Error('one control stream a connection, opened by the end that dialled'));
    link.acceptControl(stream, (frame) => this.#onControlFrame(link, frame));
  }

  #onStream(kind: 'job' | 'tree', stream: Stream, connection: Connection): void {
    const link = this.#linkOf(connection);
    if (link.establishedMs === undefined || this.#stopping)
      return stream.abort(new Error(`no ${kind} before the hello`));
    if (kind === 'job') link.acceptJobs(stream);
    else this.#options.events.onTree(link.peer, link.acceptTree(stream));
  }

  #onControlFrame(link: Link, frame: Frame): void {
    takeControlFrame(link, frame, {
      nowMs: this.#nowMs,
      onHello: (payload) => this.#onHello(link, payload),
      onAnswer: (beat) => this.#heart.answered(link.peer, beat),
      onTold: (told) => {
        if (this.#peers.get(link.peer) === link) this.#options.events.onControl(link.peer, told);
      },
    });
  }

  #onHello(link: Link, payload: Uint8Array): void {
    const received = parseHello(payload, link.peer);
    if (!link.dialled && !staysBeside(link, this.#links.values(), this.id, this.#nowMs()))
      return link.abort(new Error('another connection to this peer counts'));
    if (!link.dialled) link.control?.send('HELLO', this.#hello());
    if (received.hello === undefined) {
      this.#onOtherVersion(link, received.version);
      void link.close();
      return;
    }
    link.hello = received.hello;
    this.#establish(link);
  }

  #establish(link: Link): void {
    const nowMs = this.#nowMs();
    let before = this.#peers.get(link.peer);
    // What stood has ended there, trees and proofs among it: both begin anew, or one would go on with what the other has not.
    if (before !== undefined && before !== link && hasForgotten(link, before, nowMs)) {
      this.#drop(before, 'silent', new Error('the other end has given it up'));
      before = undefined;
    }
    link.establishedMs = nowMs;
    this.#peers.set(link.peer, link);
    this.#others.delete(link.peer);
    if (this.#trusted.has(link.peer)) this.trust(link.peer);
    for (const other of this.#links.values()) if (other !== link && other.peer === link.peer) other.retire();
    link.settle();
    if (before !== undefined && before !== link) return this.#heart.heard(link.peer);
    this.#heart.add(link.peer);
    const peer = link.describe(this.#heart.rttMs(link.peer));
    // It has shown nothing yet: it may not send us anywhere.
    this.#dialer.connected(link.peer, nearby(peer.addresses, link.remoteAddress), link.dialled);
    this.#options.log('info', 'peer met', { peer: link.peer, name: peer.hello.report.name });
    this.#options.events.onPeer(peer);
  }

  #onOtherVersion(link: Link, version: string): void {
    const addresses = link.dialled ? [withoutPeer(link.remoteAddress)] : [];
    const isNew = this.#others.add({ id: link.peer, addresses, version }, this.#nowMs());
    this.#dialer.shun(link.peer);
    link.settle();
    if (isNew) this.#options.log('warn', 'a peer speaks another version', { peer: link.peer, version });
  }

  #onHeard(link: Link): void {
    if (this.#peers.get(link.peer) === link || link.retired) this.#heart.heard(link.peer);
  }

  #onGarbage(link: Link, what: StreamKind, reason: Error): void {
    this.#options.log('warn', `malformed ${what} frames`, { peer: link.peer, reason: reason.message });
    if (what === 'control') this.#drop(link, 'garbage', reason);
  }

  #onClosed(connection: Connection): void {
    const link = this.#links.get(connection);
    if (link) this.#drop(link, link.saidBye ? 'bye' : 'closed', new Error('the connection ended'));
  }

  /** This link is no more; if it was the one that counted, neither is the peer. */
  #drop(link: Link, why: GoneReason, reason: Error): void {
    if (!this.#links.delete(link.connection)) return;
    link.abort(reason);
    link.settle();
    if (this.#peers.get(link.peer) !== link) return;
    this.#peers.delete(link.peer);
    this.#trusted.delete(link.peer);
    this.#heart.remove(link.peer);
    this.#options.log('info', 'peer gone', { peer: link.peer, why });
    if (!this.#stopping) this.#dialer.gone(link.peer, why !== 'bye');
    if (!this.#stopping) this.#options.events.onGone(link.peer, why);
  }

  #sweep(nowMs: number): void {
    this.#others.sweep(nowMs);
    const helloTimeoutMs = this.#options.helloTimeoutMs ?? defaultHelloTimeoutMs;
    for (const link of this.#links.values()) {
      link.sweep(nowMs);
      if (link.establishedMs === undefined && nowMs - link.openedMs > helloTimeoutMs)
        this.#drop(link, 'closed', new Error('no hello in time'));
    }
  }
}
