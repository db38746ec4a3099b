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
import { Line, type LineOptions } from './libp2p/line.ts';
import { allowStreams, noteOffence } from './libp2p/stream-limit.ts';
import { toError } from './libp2p/to-error.ts';

export const controlProtocol = '/buildswarm/control/1.0.0';
export const jobProtocol = '/buildswarm/job/3.0.0';
export const treeProtocol = '/buildswarm/tree/2.0.0';

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
/** What the peer that opened a stream for jobs may send, and what the other. */
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
  'TREE_AHEAD',
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
  control: { mostWaitingBytes: mostControlBytes },
  job: {},
  tree: { mostWaitingBytes: mostTreeBytes },
} as const;
const controlPieceBytes = 4_096;

/** Streams for jobs that stay open without one: as many as a worker may have jobs of one submitter at a time. */
const mostFree = 64;
/** For so long the last word on a job waits for the next job, to be sent with it. */
const payEndMs = 50;
/** Without a job for so long, such a stream is closed. */
const freeMs = 60_000;

export type StreamKind = 'control' | 'job' | 'tree';

export interface LinkOptions {
  readonly onHeard: (link: Link) => void;
  readonly onFault: (link: Link, what: string, error: Error) => void;
  readonly onGarbage: (link: Link, what: StreamKind, reason: Error) => void;
  /** The other end begins a job; the channel's callbacks are set in this turn. */
  readonly onJob: (link: Link, channel: Channel) => void;
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
  /** Streams for jobs, whoever opened them. */
  readonly #lines = new Set<Line>();
  /** Those opened here that have no job now, the last used last. */
  #free: Line[] = [];
  #willPay = false;
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

  /** Streams for jobs that stand, with a job on them or without, whoever opened them. */
  get jobStreams(): number {
    return this.#lines.size;
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
    const channel = this.#channel('control');
    channel.onFrame = onFrame;
    channel.onEnd = (why) => {
      if (why !== 'garbage') this.abort(new Error('the control stream ended'));
    };
    this.control = channel;
    channel.attach(this.#line(stream, controlFrames, 'control'));
  }

  /** Opens the control stream. @throws what libp2p threw, UnsupportedProtocolError among it. */
  async openControl(onFrame: (frame: Frame) => void): Promise<void> {
    this.acceptControl(await this.connection.newStream(controlProtocol), onFrame);
  }

  /** The other end has opened a stream for jobs, and begins the first. */
  acceptJobs(stream: Stream): void {
    this.#beginJob(this.#jobLine(stream, submitterFrames, (line) => this.#beginJob(line)));
  }

  acceptTree(stream: Stream): Channel {
    const channel = this.#channel('tree');
    // Its owner sets the callbacks in this turn: libp2p hands out what has come already in a microtask.
    channel.attach(this.#line(stream, treeOwnerFrames, 'tree'));
    return channel;
  }

  #beginJob(line: Line): void {
    const channel = this.#channel('job');
    this.#jobs.add(channel);
    channel.attach(line);
    this.#options.onJob(this, channel);
  }

  /** A channel to a peer that is not there. */
  static lost(peer: string): Channel {
    const channel = new Channel({ peer, onGarbage: ignore, onOver: ignore });
    setImmediate(() => channel.fail());
    return channel;
  }

  openJob(): Channel {
    const channel = this.#channel('job');
    this.#jobs.add(channel);
    const line = this.#takeFree();
    if (line !== undefined) channel.attach(line);
    else this.#open(jobProtocol, 'job', channel, (stream) => this.#jobLine(stream, workerFrames));
    return channel;
  }

  /** A peer of an older version knows no such stream: the channel then ends as if the peer were lost. */
  openTree(): Channel {
    const channel = this.#channel('tree');
    this.#open(treeProtocol, 'tree', channel, (stream) => this.#line(stream, treeWorkerFrames, 'tree'));
    return channel;
  }

  #open(protocol: string, kind: StreamKind, channel: Channel, lineOf: (stream: Stream) => Line): void {
    this.connection.newStream(protocol, { signal: openDeadline.signal }).then(
      (stream) => channel.attach(lineOf(stream)),
      (thrown: unknown) => {
        this.#options.onFault(this, `opening a ${kind} stream`, toError(thrown));
        channel.fail();
      },
    );
  }

  /** The last used one first, so that what a busy hour has opened is closed in a quiet one. */
  #takeFree(): Line | undefined {
    for (;;) {
      const line = this.#free.pop();
      if (line === undefined || line.isFree) return line;
      line.close();
    }
  }

  /** The other end is proven: it may open as many streams as a build needs, and send long frames. */
  trust(): void {
    allowStreams(this.connection);
    this.control?.limit(Number.POSITIVE_INFINITY);
  }

  sweep(nowMs: number): void {
    for (const line of this.#lines) {
      if (line.sweep(nowMs) <= freeMs || !this.#free.includes(line)) continue;
      // Only the end that opened it closes it: the other could do so in the moment in which a job is put on it.
      this.#forgetFree(line);
      line.close();
    }
  }

  /** Closes it when no job needs it any more. */
  retire(): void {
    this.retired = true;
    for (const line of this.#free.splice(0)) line.close();
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

  #onGarbage(kind: StreamKind, reason: Error): void {
    if (kind === 'control') noteOffence(this.connection);
    this.#options.onGarbage(this, kind, reason);
  }

  #channel(kind: StreamKind): Channel {
    return new Channel({
      peer: this.peer,
      ...channelLimits[kind],
      onGarbage: (reason) => this.#onGarbage(kind, reason),
      onOver: (channel) => {
        this.#jobs.delete(channel);
        if (this.retired && this.#jobs.size === 0) void this.close();
      },
    });
  }

  #line(
    stream: Stream,
    allowed: readonly FrameName[],
    kind: StreamKind,
    options: Pick<LineOptions, 'reuse' | 'pieceBytes'> = {},
  ): Line {
    const line = new Line(stream, {
      allowed,
      ...(kind === 'control' ? { pieceBytes: controlPieceBytes } : {}),
      ...options,
      onHeard: () => this.#options.onHeard(this),
      onFault: (what, error) => this.#options.onFault(this, what, error),
      onGarbage: (reason) => this.#onGarbage(kind, reason),
    });
    line.begin();
    return line;
  }

  /** @param onNext - of a stream that the other end has opened. */
  #jobLine(stream: Stream, allowed: readonly FrameName[], onNext?: (line: Line) => void): Line {
    const reuse = {
      onNext,
      onFree: (line: Line) => {
        if (onNext === undefined) this.#keepFree(line);
      },
      onGone: (line: Line) => {
        this.#lines.delete(line);
        this.#forgetFree(line);
      },
    };
    const line = this.#line(stream, allowed, 'job', { reuse });
    this.#lines.add(line);
    return line;
  }

  #keepFree(line: Line): void {
    if (this.retired || this.#free.length >= mostFree || !line.isFree) return line.close();
    this.#free.push(line);
    if (this.#willPay) return;
    this.#willPay = true;
    setTimeout(() => {
      this.#willPay = false;
      for (const free of this.#free) free.payEnd();
    }, payEndMs).unref();
  }

  #forgetFree(line: Line): void {
    this.#free = this.#free.filter((each) => each !== line);
  }
}

function ignore(): void {}
