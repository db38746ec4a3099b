/**
 * One libp2p stream, which carries a channel: the control stream of a pair, the stream of a tree, or one for jobs. Those
 * carry one channel after the other, since to open and close a stream is a quarter of what a small job costs.
 *
 * A job's stream is free for the next job when both ends have said JOB_END, the last word of a channel in each direction.
 * What comes before that word belongs to the old job, what comes after it to the next, so that neither reads the other's.
 * A reset, or the end of the stream, ends the job on it, and the stream is then not used again.
 *
 * Incoming bytes are decoded where they arrive, never queued by an iterator (libp2p's iterators buffer without bound).
 */
import type { Stream } from '@libp2p/interface';
import { encodeFrame, type Frame, FrameDecoder, FrameError, type FrameName } from '../../wire/frame.ts';
import { toError } from './to-error.ts';

/** A frame longer than this ends the channel until its bound is lifted. */
export const strangerFrameBytes = 64 * 1024;

const lingerMs = 30_000;
/** Frames of one tick are joined into one packet up to this; longer ones go as they are. */
const joinBytes = 64 * 1024;
const lastFrame = encodeFrame('JOB_END');

/** What is on a line: a channel, see ./channel.ts. */
export interface LineUser {
  /** Whether it was not ended at this end. */
  readonly isOpen: boolean;
  /** Whether what comes is still for it. */
  readonly isHeard: boolean;
  readonly wantsDrain: boolean;
  /** A frame has come. */
  receive(frame: Frame): void;
  /** There may be room again. */
  drained(): void;
  /** What came cannot be understood: ends it, and the stream by a reset. */
  garbage(reason: Error): void;
  /** The other end has ended it, or is gone. */
  end(why: 'closed' | 'lost'): void;
  /** Nothing of it is on the stream any more. */
  over(): void;
}

export interface LineOptions {
  readonly allowed: readonly FrameName[];
  /** What comes is taken apart in pieces of this size, so that a flood of tiny frames is noticed by its first. @default whole */
  readonly pieceBytes?: number;
  /** Proof of life: bytes came. */
  readonly onHeard: () => void;
  readonly onFault: (what: string, error: Error) => void;
  /** What came between two channels cannot be understood; the stream is reset. */
  readonly onGarbage: (reason: Error) => void;
  /** Streams that are used again: one channel is over and the next may come. */
  readonly reuse?: {
    readonly onFree: (line: Line) => void;
    /** The other end begins: attach a new channel. Undefined at the end that begins. */
    readonly onNext: ((line: Line) => void) | undefined;
    /** The stream is over. */
    readonly onGone: (line: Line) => void;
  };
}

export class Line {
  readonly #stream: Stream;
  readonly #options: LineOptions;
  readonly #decoder: FrameDecoder;
  #channel: LineUser | undefined;
  /** Whether the frames of the channel on it are trusted to be long: no other is followed by another channel. */
  #isTrusted = false;
  #hasSaidEnd = false;
  /** Said, but not sent yet: it goes with the first words of the next channel. */
  #owesEnd = false;
  #isReceiving = false;
  #hasHeardEnd = false;
  #remoteClosed = false;
  #isPaused = false;
  #resuming = false;
  #isGone = false;
  /** Since when it is free, or closed at this end; by whoever sweeps. */
  #restingMs: number | undefined;

  constructor(stream: Stream, options: LineOptions) {
    this.#stream = stream;
    this.#options = options;
    const allowed: FrameName[] = options.reuse === undefined ? [] : ['JOB_END'];
    this.#decoder = new FrameDecoder([...options.allowed, ...allowed], strangerFrameBytes);
  }

  /** Takes in what comes from now on; its first channel is attached. */
  begin(): void {
    const stream = this.#stream;
    stream.addEventListener('message', (event) => this.#receive(event.data));
    stream.addEventListener('remoteCloseWrite', () => {
      this.#remoteClosed = true;
    });
    stream.addEventListener('end', () => this.#ended());
    stream.addEventListener('close', () => {
      // A paused stream keeps what it had: take it before the end is told.
      if (this.#isPaused && this.#channel?.isOpen === true) this.#resumeStream();
      // What came before its closing came whole, whatever became of the stream later.
      this.#ended();
      this.#gone();
    });
    // libp2p sends what waited in a microtask of its own after 'drain', so look one later.
    stream.addEventListener('drain', () => {
      if (this.#channel?.wantsDrain === true)
        queueMicrotask(() => queueMicrotask(() => this.#channel?.drained()));
    });
    // 'idle' comes while libp2p is sending: what is sent in its turn would stay behind.
    stream.addEventListener('idle', () => {
      if (this.#channel?.wantsDrain === true) queueMicrotask(() => this.#channel?.drained());
    });
  }

  get isOpen(): boolean {
    return this.#stream.status === 'open';
  }

  /** Whether the next channel may be attached: nothing of the last one is still on its way. */
  get isFree(): boolean {
    const isQuiet = this.waitingBytes === 0 && !this.isFull && this.#decoder.pendingBytes === 0;
    return isQuiet && this.#channel === undefined && this.isOpen && !this.#remoteClosed;
  }

  /** Nothing more can be sent for now. */
  get isFull(): boolean {
    return this.#stream.writableNeedsDrain;
  }

  get waitingBytes(): number {
    return this.#stream.writeBufferLength;
  }

  /** Puts the next channel on it. */
  take(channel: LineUser, limitBytes: number | undefined): void {
    this.#channel = channel;
    this.#restingMs = undefined;
    if (limitBytes !== undefined) this.limit(limitBytes);
  }

  /** Tells the channel on it if the stream is over already. */
  check(): void {
    if (this.isOpen) return;
    this.#ended();
    this.#gone();
  }

  limit(maxFrameBytes: number): void {
    this.#isTrusted = maxFrameBytes > strangerFrameBytes;
    this.#decoder.limit(maxFrameBytes);
  }

  pause(): void {
    this.#isPaused = true;
    if (!this.#resuming && this.#stream.readStatus === 'readable') this.#stream.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#resumeStream();
  }

  /** Sends the last word that waits for the next channel. */
  payEnd(): void {
    if (this.#owesEnd) this.send([], 0);
  }

  send(words: readonly Uint8Array[], wordBytes: number): void {
    const stream = this.#stream;
    const frames = this.#owesEnd ? [lastFrame, ...words] : words;
    const bytes = this.#owesEnd ? wordBytes + lastFrame.length : wordBytes;
    this.#owesEnd = false;
    if (frames.length === 0 || stream.writeStatus !== 'writable') return; // its end is on the way as an event
    try {
      if (frames.length > 1 && bytes <= joinBytes) stream.send(Buffer.concat(frames, bytes));
      else for (const frame of frames) stream.send(frame);
    } catch (thrown) {
      this.#options.onFault('sending', toError(thrown));
      stream.abort(toError(thrown));
    }
  }

  /** The channel on it ends, and sends these frames before: the stream is kept for the next one, or closed. */
  finish(frames: readonly Uint8Array[], bytes: number): void {
    const isKept = this.#options.reuse !== undefined && this.#isTrusted && !this.#remoteClosed;
    // With what the worker says last comes its JOB_END: the answer to that is not worth a packet of its own. Where a channel was held
    // up, that has come before its last frame is taken.
    const mayAnswer = this.#isReceiving || this.#hasHeardEnd;
    const isAnswer = mayAnswer && this.#options.reuse?.onNext === undefined;
    if (!isKept || isAnswer) this.send(frames, bytes);
    else this.send([...frames, lastFrame], bytes + lastFrame.length);
    this.#hasSaidEnd = isKept;
    this.#owesEnd = isKept && isAnswer;
    // What was held back may be the other end's last word.
    this.resume();
    if (isKept) this.#settle();
    else if (this.isOpen) this.close();
  }

  /** Ends it in due form. */
  close(): void {
    // The rejection is an Event when the connection goes first; that end is told by 'close'.
    this.#stream
      .close()
      .catch((thrown: unknown) => this.#options.onFault('closing a stream', toError(thrown)));
  }

  /** Ends it by a reset. */
  abort(reason: Error): void {
    this.#stream.abort(reason);
  }

  /** Call it now and then. @returns for how long it has been free. */
  sweep(nowMs: number): number {
    // What it said last may still wait for a slow reader.
    if (this.#channel?.isOpen === true || this.waitingBytes > 0) return 0;
    this.#restingMs ??= nowMs;
    const restedMs = nowMs - this.#restingMs;
    if (this.#channel === undefined) return restedMs;
    // It was ended here long ago and not at the other end.
    if (restedMs > lingerMs) this.abort(new Error('the other end does not end it'));
    return 0;
  }

  #receive(data: Uint8Array | Iterable<Uint8Array>): void {
    this.#options.onHeard();
    this.#isReceiving = true;
    try {
      this.#decode(data);
    } finally {
      this.#isReceiving = false;
    }
    // It was no answer.
    if (this.#hasSaidEnd) this.payEnd();
  }

  #decode(data: Uint8Array | Iterable<Uint8Array>): void {
    for (const bytes of piecesOf(data, this.#options.pieceBytes)) {
      if (!this.#mayCome()) return;
      let frames: Frame[];
      try {
        frames = this.#decoder.push(bytes);
      } catch (thrown) {
        if (!(thrown instanceof FrameError)) throw thrown;
        this.#garbage(thrown);
        return;
      }
      for (const frame of frames) {
        if (!this.#mayCome()) return;
        if (frame.type === 'JOB_END' && this.#options.reuse !== undefined) this.#hearEnd();
        else this.#channel?.receive(frame);
      }
    }
  }

  /** Whether what comes is for anybody; where nobody is there, the next channel begins. */
  #mayCome(): boolean {
    if (this.#isGone) return false;
    if (this.#hasHeardEnd) return this.#garbage(new FrameError('words after the end of a job'));
    if (this.#channel === undefined) {
      const onNext = this.#options.reuse?.onNext;
      if (onNext === undefined) return this.#garbage(new FrameError('words without a job'));
      onNext(this);
    }
    // Of a channel that was ended here, its last word is waited for, unless the stream ends with it.
    return this.#channel !== undefined && (this.#channel.isHeard || this.#hasSaidEnd);
  }

  #hearEnd(): void {
    this.#hasHeardEnd = true;
    this.#channel?.end('closed');
    this.#settle();
  }

  /** Makes it free when both ends have ended what was on it. */
  #settle(): void {
    if (!this.#hasSaidEnd || !this.#hasHeardEnd) return;
    this.#hasSaidEnd = false;
    this.#hasHeardEnd = false;
    this.limit(strangerFrameBytes);
    const channel = this.#channel;
    this.#channel = undefined;
    channel?.over();
    this.#options.reuse?.onFree(this);
  }

  #garbage(reason: Error): false {
    if (this.#channel?.isHeard === true) this.#channel.garbage(reason);
    else {
      this.#options.onGarbage(reason);
      this.abort(reason);
    }
    return false;
  }

  /** No more will come. */
  #ended(): void {
    const channel = this.#channel;
    channel?.end(this.#remoteClosed ? 'closed' : 'lost');
    // Nobody else does it where no channel is on it, or one that has ended here.
    if (this.#stream.writeStatus === 'writable' && (channel === undefined || this.#hasSaidEnd)) this.close();
  }

  #gone(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#channel?.over();
    this.#options.reuse?.onGone(this);
  }

  /**
   * libp2p's resume() hands out what it kept before it opens the window: a pause() asked for meanwhile must come
   * after that, or the window is open on a paused stream.
   */
  #resumeStream(): void {
    const stream = this.#stream;
    if (stream.readStatus !== 'paused') return;
    this.#resuming = true;
    try {
      stream.resume();
    } finally {
      this.#resuming = false;
    }
    if (this.#isPaused) this.pause();
  }
}

function* piecesOf(data: Uint8Array | Iterable<Uint8Array>, sizeBytes?: number): Generator<Uint8Array> {
  for (const bytes of data instanceof Uint8Array ? [data] : data) {
    if (sizeBytes === undefined || bytes.length <= sizeBytes) yield bytes;
    else for (let at = 0; at < bytes.length; at += sizeBytes) yield bytes.subarray(at, at + sizeBytes);
  }
}
