/**
 * Frames over one libp2p stream: the control stream of a pair, and one stream a job.
 *
 * Incoming bytes are decoded where they arrive, never queued by an iterator (libp2p's iterators buffer without
 * bound); a receiver that cannot keep up pauses the stream, and then at most one yamux window is held here.
 * Outgoing frames of one tick leave in one packet; `send` says when to wait for `onDrain`.
 */
import type { Stream } from '@libp2p/interface';
import {
  encodeFrame,
  type Frame,
  FrameDecoder,
  FrameError,
  type FrameName,
  type PayloadArguments,
} from '../../wire/frame.ts';
import { toError } from './to-error.ts';

/** closed: the other end ended it in due form; lost: reset, or its peer is gone; garbage: it sent what is no frame. */
export type ChannelEnd = 'closed' | 'lost' | 'garbage';

/** A frame longer than this ends the channel until {@link JobChannel.limit} lifts the bound. */
export const strangerFrameBytes = 64 * 1024;

const highWaterBytes = 256 * 1024;
const lowWaterBytes = 64 * 1024;
const lingerMs = 30_000;
/** More than this waits only for a peer that has stopped reading: credit and windows hold an honest one to less. */
const mostWaitingBytes = 24 * 1024 * 1024;
/** Frames of one tick are joined into one packet up to this; longer ones go as they are. */
const joinBytes = 64 * 1024;

/**
 * One job's stream of frames. Set the callbacks in the turn in which it was given; after `close` or `abort`
 * none of them is called again.
 */
export interface JobChannel {
  /** PeerId of the other end. */
  readonly peer: string;
  /** Queues a frame. False: enough is waiting, send no more until `onDrain` (what was given is sent all the same). */
  send<Type extends FrameName>(type: Type, ...payload: PayloadArguments<Type>): boolean;
  onFrame: (frame: Frame) => void;
  onDrain: () => void;
  /** Called once, after the last frame. The channel is then closed at this end too. */
  onEnd: (why: ChannelEnd) => void;
  /** Longest frame that may come, bytes; 64 KiB at first. Lift it for a peer that is trusted. */
  limit(maxFrameBytes: number): void;
  /** No frames until `resume`; the sender is held up when the window (256 KiB) is full. */
  pause(): void;
  resume(): void;
  /** Ends it in due form after what was queued is sent. */
  close(): void;
  /** Ends it at once by a reset; what is queued is dropped. */
  abort(): void;
}

export interface ChannelOptions {
  readonly peer: string;
  readonly allowed: readonly FrameName[];
  /** A peer for which more than this waits does not read; its channel ends. @default 24 MiB */
  readonly mostWaitingBytes?: number;
  /** What comes is taken apart in pieces of this size, so that a flood of tiny frames is noticed by its first. @default whole */
  readonly pieceBytes?: number;
  /** Proof of life: bytes came. */
  readonly onHeard: () => void;
  /** It is over at this end, whoever ended it; called once. `reason` for a log when it was not in due form. */
  readonly onOver: (channel: Channel, garbage: Error | undefined) => void;
  readonly onFault: (what: string, error: Error) => void;
}

export class Channel implements JobChannel {
  readonly peer: string;
  onFrame: (frame: Frame) => void = () => {};
  onDrain: () => void = () => {};
  onEnd: (why: ChannelEnd) => void = () => {};

  readonly #options: ChannelOptions;
  readonly #decoder: FrameDecoder;
  #stream: Stream | undefined;
  #out: Uint8Array[] = [];
  #outBytes = 0;
  #flushing = false;
  #wantsDrain = false;
  #paused = false;
  #resuming = false;
  #held: Frame[] = [];
  #remoteClosed = false;
  #ending: ChannelEnd | undefined;
  #reported = false;
  #closedMs: number | undefined;
  /** open: callbacks flow; closing: own end asked for, nothing is told any more; over: nothing left. */
  #state: 'open' | 'closing' | 'over' = 'open';

  constructor(options: ChannelOptions) {
    this.#options = options;
    this.peer = options.peer;
    this.#decoder = new FrameDecoder(options.allowed, strangerFrameBytes);
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  /** Gives it its stream; what was queued before is sent now. */
  attach(stream: Stream): void {
    if (this.#state !== 'open') {
      stream.abort(new Error('the channel was closed while its stream was being opened'));
      return;
    }
    this.#stream = stream;
    stream.addEventListener('message', (event) => this.#receive(event.data));
    stream.addEventListener('remoteCloseWrite', () => {
      this.#remoteClosed = true;
    });
    stream.addEventListener('end', () => this.#end(this.#remoteClosed ? 'closed' : 'lost'));
    stream.addEventListener('close', () => {
      // A paused stream keeps what it had: take it before the end is told.
      if (this.#paused && this.#state === 'open') this.#resumeStream();
      // What came before its closing came whole, whatever became of the stream later.
      this.#end(this.#remoteClosed ? 'closed' : 'lost');
      this.#over();
    });
    // libp2p sends what waited in a microtask of its own after 'drain', so look one later.
    stream.addEventListener('drain', () => queueMicrotask(() => queueMicrotask(() => this.#drained())));
    // 'idle' comes while libp2p is sending: what is sent in its turn would stay behind.
    stream.addEventListener('idle', () => queueMicrotask(() => this.#drained()));
    if (this.#paused) stream.pause();
    this.#flush();
    if (stream.status !== 'open') {
      this.#end('lost');
      this.#over();
    }
  }

  /** Its stream could not be opened. */
  fail(): void {
    this.#end('lost');
    this.#over();
  }

  limit(maxFrameBytes: number): void {
    this.#decoder.limit(maxFrameBytes);
  }

  send<Type extends FrameName>(type: Type, ...payload: PayloadArguments<Type>): boolean {
    if (this.#state !== 'open' || this.#ending !== undefined) return false;
    const frame = encodeFrame(type, ...payload);
    this.#out.push(frame);
    this.#outBytes += frame.length;
    if (this.#waitingBytes() > (this.#options.mostWaitingBytes ?? mostWaitingBytes)) {
      queueMicrotask(() => this.garbage(new Error('it does not read what it is sent')));
      return false;
    }
    if (!this.#flushing) {
      this.#flushing = true;
      queueMicrotask(() => this.#flush());
    }
    const more = this.#waitingBytes() < highWaterBytes && this.#stream?.writableNeedsDrain !== true;
    if (!more) this.#wantsDrain = true;
    return more;
  }

  pause(): void {
    if (this.#paused || this.#state !== 'open') return;
    this.#paused = true;
    if (!this.#resuming) this.#pauseStream();
  }

  resume(): void {
    if (!this.#paused || this.#state !== 'open') return;
    this.#paused = false;
    this.#release();
    if (!this.#paused) this.#resumeStream();
    if (!this.#paused && this.#ending !== undefined) this.#tellEnd();
  }

  close(): void {
    if (this.#state !== 'open') return;
    this.#state = 'closing';
    const stream = this.#stream;
    this.#held = [];
    if (stream === undefined) {
      // Still being opened: attach() resets it.
      this.#over();
      return;
    }
    this.#flush();
    this.#paused = false;
    this.#resumeStream();
    if (stream.status !== 'open') {
      this.#over();
      return;
    }
    // The rejection is an Event when the connection goes first; that end is told by 'close'.
    stream.close().catch((thrown: unknown) => this.#options.onFault('closing a stream', toError(thrown)));
  }

  abort(): void {
    if (this.#state === 'over') return;
    this.#state = 'closing';
    this.#stream?.abort(new Error('aborted by this peer'));
    this.#over();
  }

  /** Resets what was closed here long ago and not at the other end. Call it now and then. */
  sweep(nowMs: number): void {
    if (this.#state !== 'closing' || this.#stream?.writeStatus !== 'closed') return;
    this.#closedMs ??= nowMs;
    if (nowMs - this.#closedMs > lingerMs) this.abort();
  }

  #waitingBytes(): number {
    return this.#outBytes + (this.#stream?.writeBufferLength ?? 0);
  }

  #flush(): void {
    this.#flushing = false;
    const stream = this.#stream;
    if (stream === undefined || this.#out.length === 0) return;
    const frames = this.#out;
    const bytes = this.#outBytes;
    this.#out = [];
    this.#outBytes = 0;
    if (stream.writeStatus !== 'writable') return; // its end is on the way as an event
    try {
      if (frames.length > 1 && bytes <= joinBytes) stream.send(Buffer.concat(frames, bytes));
      else for (const frame of frames) stream.send(frame);
    } catch (thrown) {
      this.#options.onFault('sending', toError(thrown));
      stream.abort(toError(thrown));
      return;
    }
    this.#drained();
  }

  #drained(): void {
    if (!this.#wantsDrain || this.#state !== 'open' || this.#stream?.writableNeedsDrain === true) return;
    if (this.#waitingBytes() > lowWaterBytes) return;
    this.#wantsDrain = false;
    this.onDrain();
  }

  #receive(data: Uint8Array | Iterable<Uint8Array>): void {
    this.#options.onHeard();
    if (this.#state !== 'open' || this.#ending !== undefined) return;
    let frames: Frame[];
    for (const bytes of piecesOf(data, this.#options.pieceBytes)) {
      try {
        frames = this.#decoder.push(bytes);
      } catch (thrown) {
        if (!(thrown instanceof FrameError)) throw thrown;
        this.garbage(thrown);
        return;
      }
      for (const frame of frames) {
        if (this.#paused) this.#held.push(frame);
        else if (this.#state === 'open') this.#hand(frame);
      }
      if (this.#state !== 'open') return;
    }
  }

  /** What came cannot be understood: ends this channel by a reset and tells why. */
  garbage(reason: Error): void {
    if (this.#state !== 'open' || this.#ending !== undefined) return;
    this.#held = [];
    this.#ending = 'garbage';
    this.#report(reason);
    this.#stream?.abort(reason);
    this.#tellEnd();
  }

  #pauseStream(): void {
    const stream = this.#stream;
    if (stream !== undefined && stream.readStatus === 'readable') stream.pause();
  }

  /**
   * libp2p's resume() hands out what it kept before it opens the window: a pause() asked for meanwhile must come
   * after that, or the window is open on a paused stream.
   */
  #resumeStream(): void {
    const stream = this.#stream;
    if (stream === undefined || stream.readStatus !== 'paused') return;
    this.#resuming = true;
    try {
      stream.resume();
    } finally {
      this.#resuming = false;
    }
    if (this.#paused) this.#pauseStream();
  }

  #release(): void {
    while (!this.#paused && this.#state === 'open') {
      const frame = this.#held.shift();
      if (frame === undefined) return;
      this.#hand(frame);
    }
  }

  /** A receiver that finds nonsense in a frame says so by a FrameError: that ends this channel and nothing else. */
  #hand(frame: Frame): void {
    try {
      this.onFrame(frame);
    } catch (thrown) {
      if (!(thrown instanceof FrameError)) throw thrown;
      this.garbage(thrown);
    }
  }

  #end(why: ChannelEnd): void {
    if (this.#state === 'closing' || this.#ending !== undefined) return;
    this.#ending = why;
    if (!this.#paused && this.#held.length === 0) this.#tellEnd();
  }

  #tellEnd(): void {
    const why = this.#ending;
    if (this.#state !== 'open' || why === undefined) return;
    this.close();
    this.onEnd(why);
  }

  /** The stream is gone. */
  #over(): void {
    // An end that waits for a paused receiver is still to be told.
    if (this.#state === 'closing' || this.#ending === undefined) this.#state = 'over';
    this.#report(undefined);
  }

  #report(garbage: Error | undefined): void {
    if (this.#reported) return;
    this.#reported = true;
    this.#options.onOver(this, garbage);
  }
}

function* piecesOf(data: Uint8Array | Iterable<Uint8Array>, sizeBytes?: number): Generator<Uint8Array> {
  for (const bytes of data instanceof Uint8Array ? [data] : data) {
    if (sizeBytes === undefined || bytes.length <= sizeBytes) yield bytes;
    else for (let at = 0; at < bytes.length; at += sizeBytes) yield bytes.subarray(at, at + sizeBytes);
  }
}
