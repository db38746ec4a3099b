/**
 * One libp2p connection to one peer, with its control channel and its job channels. Several may exist for a
 * moment when both ends dial; the swarm decides which one counts.
 */
import type { Connection, Stream } from '@libp2p/interface';
import { type Allowance, Bucket } from '../core/bucket.ts';
import type { Hello } from '../wire/control-messages.ts';
import type { Frame, FrameName } from '../wire/frame.ts';
import type { SwarmPeer } from './contract.ts';
import { withoutPeer } from './finding/addresses.ts';
import { Channel } from './libp2p/channel.ts';
import { OpenDeadline } from './libp2p/lean.ts';
import { allowStreams } from './libp2p/stream-limit.ts';
import { toError } from './libp2p/to-error.ts';

export const controlProtocol = '/buildswarm/control/1.0.0';
export const jobProtocol = '/buildswarm/job/1.0.0';
export const treeProtocol = '/buildswarm/tree/1.0.0';

const controlFrames: readonly FrameName[] = [
  'HELLO',
  'BEAT',
  'BEAT_ACK',
  'GOSSIP',
  'WANT',
  'FREE',
  'BYE',
  'SHARES',
  'KNOWN',
  'PAIR',
  'EXAMINE',
  'EXAMINED',
];
/** What the peer that opened a job's stream may send, and what the other. */
const submitterFrames: readonly FrameName[] = [
  'ARGV',
  'ENV',
  'OFFER',
  'STDIN',
  'STDIN_END',
  'SIGNAL',
  'CREDIT',
  'RECALL',
  'FETCH',
];
const workerFrames: readonly FrameName[] = [
  'ACCEPTED',
  'REFUSED',
  'STARTED',
  'STDIN_TAKEN',
  'STDOUT',
  'STDERR',
  'BLOB',
  'ACK',
  'WRITTEN',
  'RESULT',
  'RETURNED',
];

/** What the peer that opened the stream of its tree may send, and what the other. */
const treeOwnerFrames: readonly FrameName[] = [
  'TREE_OPEN',
  'TREE_MANIFEST',
  'TREE_CONTENT',
  'TREE_CHANGES',
  'TREE_FAILED',
];
const treeWorkerFrames: readonly FrameName[] = ['TREE_OPENED', 'TREE_LIST', 'TREE_LOOK', 'TREE_READ'];

const openDeadline = new OpenDeadline();

/** What may wait for a peer on its control stream. */
const mostControlBytes = 1024 * 1024;
/** The same on the stream of a tree: answers that were asked for before it stopped to read, and changes. */
const mostTreeBytes = 96 * 1024 * 1024;
/** Beats that are answered: a watched peer sends one a second. */
const answeredBeats: Allowance = { burst: 32, perS: 4 };

const channelLimits = {
  control: { mostWaitingBytes: mostControlBytes, pieceBytes: 4_096 },
  job: {},
  tree: { mostWaitingBytes: mostTreeBytes },
} as const;

export type StreamKind = 'control' | 'job' | 'tree';

export interface LinkOptions {
  readonly onHeard: (link: Link) => void;
  readonly onFault: (link: Link, what: string, error: Error) => void;
  readonly onGarbage: (link: Link, what: StreamKind, reason: Error) => void;
}

export class Link {
  readonly peer: string;
  /** Did we dial it? */
  readonly dialled: boolean;
  readonly remoteAddress: string;
  readonly openedMs: number;
  control: Channel | undefined;
  hello: Hello | undefined;
  helloSentMs: number | undefined;
  /** When both hellos were there. */
  establishedMs: number | undefined;
  /** Another connection counts; this one goes when its last job has ended. */
  retired = false;
  saidBye = false;
  readonly connection: Connection;
  /** Beats of the other end that are still to be answered. */
  readonly beats: Bucket;
  /** Beats that came beyond that. */
  excessBeats = 0;
  readonly #options: LinkOptions;
  readonly #jobs = new Set<Channel>();
  readonly #settled: Promise<void>;
  #settle!: () => void;

  constructor(connection: Connection, nowMs: number, options: LinkOptions) {
    this.connection = connection;
    this.#options = options;
    this.peer = connection.remotePeer.toString();
    this.dialled = connection.direction === 'outbound';
    this.remoteAddress = connection.remoteAddr.toString();
    this.openedMs = nowMs;
    this.beats = new Bucket(answeredBeats, nowMs);
    this.#settled = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  /** Resolves when this connection counts, or never will. */
  get settled(): Promise<void> {
    return this.#settled;
  }

  settle(): void {
    this.#settle();
  }

  get isOpen(): boolean {
    return this.connection.status === 'open';
  }

  get jobs(): number {
    return this.#jobs.size;
  }

  /** The peer at the other end, once it is established. */
  describe(rttMs = 0): SwarmPeer {
    const hello = this.hello as Hello;
    const told = hello.report.addresses;
    const addresses = told.length > 0 || !this.dialled ? told : [this.remoteAddress];
    return { id: this.peer, addresses: addresses.map(withoutPeer), hello, rttMs };
  }

  /** Its control stream, opened by the other end. */
  acceptControl(stream: Stream, onFrame: (frame: Frame) => void): void {
    const channel = this.#channel(controlFrames, 'control');
    channel.onFrame = onFrame;
    channel.onEnd = (why) => {
      if (why !== 'garbage') this.abort(new Error('the control stream ended'));
    };
    this.control = channel;
    channel.attach(stream);
  }

  /** Opens the control stream. @throws what libp2p threw, UnsupportedProtocolError among it. */
  async openControl(onFrame: (frame: Frame) => void): Promise<void> {
    this.acceptControl(await this.connection.newStream(controlProtocol), onFrame);
  }

  acceptJob(stream: Stream): Channel {
    const channel = this.#accept(stream, submitterFrames, 'job');
    this.#jobs.add(channel);
    return channel;
  }

  acceptTree(stream: Stream): Channel {
    return this.#accept(stream, treeOwnerFrames, 'tree');
  }

  #accept(stream: Stream, allowed: readonly FrameName[], kind: StreamKind): Channel {
    const channel = this.#channel(allowed, kind);
    // Its owner sets the callbacks in this turn: libp2p hands out what has come already in a microtask.
    channel.attach(stream);
    return channel;
  }

  /** A channel to a peer that is not there. */
  static lost(peer: string): Channel {
    const channel = new Channel({ peer, allowed: [], onHeard: ignore, onOver: ignore, onFault: ignore });
    setImmediate(() => channel.fail());
    return channel;
  }

  openJob(): Channel {
    const channel = this.#open(jobProtocol, workerFrames, 'job');
    this.#jobs.add(channel);
    return channel;
  }

  /** A peer of an older version knows no such stream: the channel then ends as if the peer were lost. */
  openTree(): Channel {
    return this.#open(treeProtocol, treeWorkerFrames, 'tree');
  }

  #open(protocol: string, allowed: readonly FrameName[], kind: StreamKind): Channel {
    const channel = this.#channel(allowed, kind);
    this.connection.newStream(protocol, { signal: openDeadline.signal }).then(
      (stream) => channel.attach(stream),
      (thrown: unknown) => {
        this.#options.onFault(this, `opening a ${kind} stream`, toError(thrown));
        channel.fail();
      },
    );
    return channel;
  }

  /** The other end is proven: it may open as many streams as a build needs, and send long frames. */
  trust(): void {
    allowStreams(this.connection);
    this.control?.limit(Number.POSITIVE_INFINITY);
  }

  sweep(nowMs: number): void {
    for (const job of this.#jobs) job.sweep(nowMs);
  }

  /** Closes it when no job needs it any more. */
  retire(): void {
    this.retired = true;
    if (this.#jobs.size === 0) void this.close();
  }

  /** In due form: what was sent before arrives. Resolves when it is closed, within `deadlineMs`. */
  async close(deadlineMs = 1000): Promise<void> {
    // First, so that what was said last (BYE) leaves: a closing connection drops what its streams still hold.
    this.control?.close();
    try {
      await this.connection.close({ signal: AbortSignal.timeout(deadlineMs) });
    } catch (thrown) {
      // Both ends closing at once is no fault.
      if (this.isOpen) this.#options.onFault(this, 'closing the connection', toError(thrown));
      this.abort(toError(thrown));
    }
  }

  abort(reason: Error): void {
    try {
      this.connection.abort(reason);
    } catch (thrown) {
      this.#options.onFault(this, 'aborting the connection', toError(thrown));
    }
  }

  #channel(allowed: readonly FrameName[], kind: StreamKind): Channel {
    return new Channel({
      peer: this.peer,
      allowed,
      ...channelLimits[kind],
      onHeard: () => this.#options.onHeard(this),
      onFault: (what, error) => this.#options.onFault(this, what, error),
      onOver: (channel, garbage) => {
        this.#jobs.delete(channel);
        if (garbage !== undefined) this.#options.onGarbage(this, kind, garbage);
        if (this.retired && this.#jobs.size === 0) void this.close();
      },
    });
  }
}

function ignore(): void {}
