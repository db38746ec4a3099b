/**
 * Frames between two peers: of control, of one tree, or of one job, on a stream ({@link Line}).
 *
 * A receiver that cannot keep up pauses the stream, and then at most one yamux window is held here. Outgoing frames of
 * one tick leave in one packet; `send` says when to wait for `onDrain`.
 */
import {
  encodeFrame,
  type Frame,
  FrameError,
  type FrameName,
  type PayloadArguments,
} from '../../wire/frame.ts';
import type { Line, LineUser } from './line.ts';

/** closed: the other end ended it in due form; lost: reset, or its peer is gone; garbage: it sent what is no frame. */
export type ChannelEnd = 'closed' | 'lost' | 'garbage';

const highWaterBytes = 256 * 1024;
const lowWaterBytes = 64 * 1024;
/** More than this waits only for a peer that has stopped reading: credit and windows hold an honest one to less. */
const mostWaitingBytes = 24 * 1024 * 1024;

/**
 * The frames of one job. Set the callbacks in the turn in which it was given; after `close` or `abort`
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
  /** A peer for which more than this waits does not read; its channel ends. @default 24 MiB */
  readonly mostWaitingBytes?: number;
  /** What comes on it cannot be understood; the stream is reset. */
  readonly onGarbage: (reason: Error) => void;
  /** It is over at this end, whoever ended it; called once. */
  readonly onOver: (channel: Channel) => void;
}

export class Channel implements JobChannel, LineUser {
  readonly peer: string;
  onFrame: (frame: Frame) => void = () => {};
  onDrain: () => void = () => {};
  onEnd: (why: ChannelEnd) => void = () => {};

  readonly #options: ChannelOptions;
  #line: Line | undefined;
  #limitBytes: number | undefined;
  #out: Uint8Array[] = [];
  #outBytes = 0;
  #flushing = false;
  #wantsDrain = false;
  #paused = false;
  #held: Frame[] = [];
  #ending: ChannelEnd | undefined;
  #reported = false;
  /** open: callbacks flow; closing: own end asked for, nothing is told any more; over: nothing left. */
  #state: 'open' | 'closing' | 'over' = 'open';

  constructor(options: ChannelOptions) {
    this.#options = options;
    this.peer = options.peer;
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  get isHeard(): boolean {
    return this.#state === 'open' && this.#ending === undefined;
  }

  get wantsDrain(): boolean {
    return this.#wantsDrain;
  }

  /** Gives it its stream; what was queued before is sent now. */
  attach(line: Line): void {
    if (this.#state !== 'open') {
      line.abort(new Error('the channel was closed while its stream was being opened'));
      return;
    }
    this.#line = line;
    line.take(this, this.#limitBytes);
    if (this.#paused) line.pause();
    this.#flush();
    line.check();
  }

  /** Its stream could not be opened. */
  fail(): void {
    this.end('lost');
    this.over();
  }

  limit(maxFrameBytes: number): void {
    this.#limitBytes = maxFrameBytes;
    this.#line?.limit(maxFrameBytes);
  }

  send<Type extends FrameName>(type: Type, ...payload: PayloadArguments<Type>): boolean {
    if (!this.isHeard) return false;
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
    const more = this.#waitingBytes() < highWaterBytes && this.#line?.isFull !== true;
    if (!more) this.#wantsDrain = true;
    return more;
  }

  pause(): void {
    if (this.#paused || this.#state !== 'open') return;
    this.#paused = true;
    this.#line?.pause();
  }

  resume(): void {
    if (!this.#paused || this.#state !== 'open') return;
    this.#paused = false;
    this.#release();
    if (!this.#paused) this.#line?.resume();
    if (!this.#paused && this.#ending !== undefined) this.#tellEnd();
  }

  close(): void {
    if (this.#state !== 'open') return;
    this.#state = 'closing';
    this.#held = [];
    this.#paused = false;
    const line = this.#line;
    // Still being opened: attach() resets it.
    if (line === undefined) return this.over();
    const [frames, bytes] = [this.#out, this.#outBytes];
    this.#out = [];
    this.#outBytes = 0;
    line.finish(frames, bytes);
    if (!line.isOpen) this.over();
  }

  abort(): void {
    if (this.#state === 'over') return;
    this.#state = 'closing';
    this.#line?.abort(new Error('aborted by this peer'));
    this.over();
  }

  receive(frame: Frame): void {
    if (!this.isHeard) return;
    if (this.#paused) this.#held.push(frame);
    else this.#hand(frame);
  }

  drained(): void {
    if (!this.#wantsDrain || this.#state !== 'open' || this.#line?.isFull === true) return;
    if (this.#waitingBytes() > lowWaterBytes) return;
    this.#wantsDrain = false;
    this.onDrain();
  }

  garbage(reason: Error): void {
    if (!this.isHeard) return;
    this.#held = [];
    this.#ending = 'garbage';
    this.#options.onGarbage(reason);
    this.#line?.abort(reason);
    this.#tellEnd();
  }

  end(why: ChannelEnd): void {
    if (!this.isHeard) return;
    this.#ending = why;
    if (!this.#paused && this.#held.length === 0) this.#tellEnd();
  }

  over(): void {
    // An end that waits for a paused receiver is still to be told.
    if (this.#state === 'closing' || this.#ending === undefined) this.#state = 'over';
    this.#line = undefined;
    if (this.#reported) return;
    this.#reported = true;
    this.#options.onOver(this);
  }

  #waitingBytes(): number {
    return this.#outBytes + (this.#line?.waitingBytes ?? 0);
  }

  #flush(): void {
    this.#flushing = false;
    const line = this.#line;
    if (line === undefined || this.#out.length === 0) return;
    const [frames, bytes] = [this.#out, this.#outBytes];
    this.#out = [];
    this.#outBytes = 0;
    line.send(frames, bytes);
    this.drained();
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

  #tellEnd(): void {
    const why = this.#ending;
    if (this.#state !== 'open' || why === undefined) return;
    this.close();
    this.onEnd(why);
  }
}
