/**
 * The peer's end of one wrapper: collects the request, then passes output, stdin and signals. What a job
 * is and where it runs is decided elsewhere.
 */
import type { Ending } from '../core/schedule/contract.ts';
import { type ByteString, fromText } from '../wire/bytes.ts';
import { encodeData, encodeFrame, type Frame, FrameError } from '../wire/frame.ts';
import {
  encodeExit,
  encodeInline,
  encodeStdinTaken,
  type PassedSignal,
  parseSignal,
  parseStrings,
  parseWrapperJob,
  type WrapperJob,
} from '../wire/wrapper-messages.ts';

/** A whole request: what to run, where, with what. */
export interface WrapperRequest {
  readonly argv: readonly ByteString[];
  /** Entries as they came, in order, names that are no identifiers too. */
  readonly environment: readonly ByteString[];
  readonly job: WrapperJob;
}

/** What the owner of a connection wants to hear; `onClose` comes exactly once and last. */
export interface WrapperListener {
  onStdin(data: Uint8Array): void;
  onStdinEnd(): void;
  onSignal(signal: PassedSignal): void;
  onClose(): void;
}

/** What is needed of the socket to the wrapper. */
export interface WrapperSocket {
  /** `flushed` is called once the bytes have left this process, or with an error. */
  write(bytes: Uint8Array, flushed?: (error?: Error | null) => void): unknown;
  /** `flushed` as of write. */
  end(bytes: Uint8Array, flushed: () => void): unknown;
  destroy(): unknown;
}

export class WrapperConnection {
  readonly #socket: WrapperSocket;
  #argv: readonly ByteString[] | undefined;
  #environment: readonly ByteString[] | undefined;
  #listener: WrapperListener | undefined;
  #isWhole = false;
  /** Came while the command was read: by number, as a process that takes none has each of them waiting once. */
  readonly #early = new Map<number, PassedSignal>();
  #closed = false;
  /** The last word was said. */
  #ended = false;
  #isUntaken = false;

  constructor(socket: WrapperSocket) {
    this.#socket = socket;
  }

  /** How its command ended was said, and has not left this process yet, as its output may not have. */
  get isUntaken(): boolean {
    return this.#isUntaken && !this.#closed;
  }

  /** Takes one frame. @returns the request when this frame completes it. @throws FrameError if it has no place. */
  take(frame: Frame): WrapperRequest | undefined {
    switch (frame.type) {
      case 'ARGV':
        if (this.#argv !== undefined) throw new FrameError('a second ARGV frame');
        this.#argv = parseStrings('ARGV', frame.payload);
        return undefined;
      case 'ENV':
        if (this.#environment !== undefined) throw new FrameError('a second ENV frame');
        this.#environment = parseStrings('ENV', frame.payload);
        return undefined;
      case 'JOB': {
        if (this.#argv === undefined || this.#environment === undefined || this.#isWhole) {
          throw new FrameError('a JOB frame out of its order');
        }
        this.#isWhole = true;
        return { argv: this.#argv, environment: this.#environment, job: parseWrapperJob(frame.payload) };
      }
      case 'STDIN':
        this.#listening().onStdin(frame.payload);
        return undefined;
      case 'STDIN_END':
        this.#listening().onStdinEnd();
        return undefined;
      case 'SIGNAL':
        this.#signal(parseSignal(frame.payload));
        return undefined;
      default:
        throw new FrameError(`a ${frame.type} frame has no place here`);
    }
  }

  listen(listener: WrapperListener): void {
    this.#listener = listener;
    for (const signal of this.#early.values()) listener.onSignal(signal);
    this.#early.clear();
    if (this.#closed) listener.onClose();
  }

  closed(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#listener?.onClose();
  }

  /** A sign of life while the job waits or runs: a wrapper that hears nothing for long runs its command itself. */
  beat(): void {
    if (this.#isWhole && !this.#ended) this.#write(encodeFrame('BEAT'));
  }

  /** Last word: run it yourself. The wrapper keeps the socket open until the command ends. */
  inline(reason: string): void {
    this.#ended = true;
    this.#write(encodeFrame('INLINE', encodeInline(fromText(reason))));
  }

  /** Tells how much of its stdin the command has read; 0 asks for stdin to be sent. */
  stdinTaken(totalBytes: number): void {
    this.#write(encodeFrame('STDIN_TAKEN', encodeStdinTaken(totalBytes)));
  }

  /** Passes output on; `flushed` is called when it has left this process, unless the caller is gone by then. */
  output(type: 'STDOUT' | 'STDERR', data: Uint8Array, flushed: () => void): void {
    if (this.#closed) return;
    const frames = encodeData(type, data);
    const last = frames.pop();
    for (const frame of frames) this.#socket.write(frame);
    if (last !== undefined) this.#socket.write(last, (error) => (error ? undefined : flushed()));
  }

  /** Last word: how the command ended. */
  exit(ending: Ending): void {
    this.#ended = true;
    if (this.#closed) return;
    this.#isUntaken = true;
    this.#socket.end(encodeFrame('EXIT', encodeExit(ending)), () => {
      this.#isUntaken = false;
    });
  }

  /** Ends the connection without a word; the wrapper then runs the command itself. */
  drop(): void {
    this.#socket.destroy();
  }

  #write(bytes: Uint8Array): void {
    if (!this.#closed) this.#socket.write(bytes);
  }

  #signal(signal: PassedSignal): void {
    if (this.#isWhole && this.#listener === undefined) this.#early.set(signal.number, signal);
    else this.#listening().onSignal(signal);
  }

  #listening(): WrapperListener {
    if (this.#listener === undefined) throw new FrameError('a frame before the request was whole');
    return this.#listener;
  }
}
