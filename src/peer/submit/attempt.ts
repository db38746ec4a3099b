/**
 * The stream of one attempt to its worker: turns frames into what the submitter needs to know, and back. Decides
 * nothing.
 */
import type { ChannelEnd, JobChannel } from '../../swarm/libp2p/channel.ts';
import { type Frame, FrameError } from '../../wire/frame.ts';
import {
  type Accepted,
  encodeCredit,
  encodeOffer,
  type JobResult,
  type Offer,
  parseAccepted,
  parseRefused,
  parseResult,
  type Refused,
} from '../../wire/job-messages.ts';
import { memberFrameBytes } from '../../wire/limits.ts';
import { encodeSignal, type PassedSignal, parseStdinTaken } from '../../wire/wrapper-messages.ts';

/** Grants smaller than this are saved up. */
const grantStepBytes = 256 * 1024;

const endings: Readonly<Record<ChannelEnd, string>> = {
  closed: 'it ended the stream without a result',
  lost: 'it reset the stream, or the connection to it ended',
  garbage: 'it sent what is no message',
};

export interface AttemptListener {
  onAccepted(accepted: Accepted): void;
  onRefused(refused: Refused): void;
  onStarted(): void;
  onOutput(type: 'STDOUT' | 'STDERR', data: Uint8Array): void;
  onStdinTaken(totalBytes: number): void;
  /** Of a served command: a part of what it wrote. The next comes when this is taken. */
  onWritten(frame: Frame): Promise<void>;
  /** Last words, of which exactly one comes unless the attempt is abandoned: */
  onResult(result: JobResult): void;
  onReturned(): void;
  onLost(why: string): void;
  /** It is over, whichever way; before the last word. */
  onOver(): void;
}

export class AttemptStream {
  readonly #channel: JobChannel;
  readonly #listener: AttemptListener;
  #over = false;
  #started = false;
  #owedBytes = 0;

  constructor(channel: JobChannel, listener: AttemptListener) {
    this.#channel = channel;
    this.#listener = listener;
    // Jobs are put to members only.
    channel.limit(memberFrameBytes);
    channel.onFrame = (frame) => this.#take(frame);
    channel.onEnd = (why) => this.#end(() => listener.onLost(endings[why]));
  }

  get started(): boolean {
    return this.#started && !this.#over;
  }

  /** It is offered, and whether the command has begun is not known: the word of that may be on its way. */
  get mayHaveStarted(): boolean {
    return !this.#started && !this.#over;
  }

  offer(argv: Uint8Array, environment: Uint8Array, offer: Offer): void {
    this.#channel.send('ARGV', argv);
    this.#channel.send('ENV', environment);
    this.#channel.send('OFFER', encodeOffer(offer));
  }

  stdin(data: Uint8Array): void {
    if (!this.#over) this.#channel.send('STDIN', data);
  }

  stdinEnd(): void {
    if (!this.#over) this.#channel.send('STDIN_END');
  }

  signal(signal: PassedSignal): void {
    if (!this.#over) this.#channel.send('SIGNAL', encodeSignal(signal));
  }

  recall(): void {
    if (!this.#over) this.#channel.send('RECALL');
  }

  /** So many bytes of output have left this process: the worker may send as many more. */
  granted(bytes: number): void {
    this.#owedBytes += bytes;
    if (this.#over || this.#owedBytes < grantStepBytes) return;
    this.#channel.send('CREDIT', encodeCredit(this.#owedBytes));
    this.#owedBytes = 0;
  }

  /** Ends it wherever it is; nothing more is heard of it. */
  abandon(): void {
    this.#end(() => undefined);
    this.#channel.abort();
  }

  #end(last: () => void): void {
    if (this.#over) return;
    this.#over = true;
    this.#listener.onOver();
    last();
  }

  #take(frame: Frame): void {
    if (this.#over) return;
    switch (frame.type) {
      case 'ACCEPTED':
        this.#listener.onAccepted(parseAccepted(frame.payload));
        break;
      case 'REFUSED': {
        const refused = parseRefused(frame.payload);
        this.#end(() => this.#listener.onRefused(refused));
        this.#channel.close();
        break;
      }
      case 'STARTED':
        this.#started = true;
        this.#listener.onStarted();
        break;
      case 'STDOUT':
      case 'STDERR':
        this.#listener.onOutput(frame.type, frame.payload);
        break;
      case 'STDIN_TAKEN':
        this.#listener.onStdinTaken(parseStdinTaken(frame.payload));
        break;
      case 'WRITTEN':
      case 'BLOB':
        this.#channel.pause();
        this.#listener.onWritten(frame).then(
          () => this.#channel.resume(),
          (error: unknown) => {
            this.#end(() => this.#listener.onLost(`what it wrote was not received: ${String(error)}`));
            this.#channel.abort();
          },
        );
        break;
      case 'RESULT': {
        const result = parseResult(frame.payload);
        this.#end(() => this.#listener.onResult(result));
        this.#channel.close();
        break;
      }
      case 'RETURNED':
        this.#end(() => this.#listener.onReturned());
        this.#channel.close();
        break;
      default:
        throw new FrameError(`a ${frame.type} frame from a worker`);
    }
  }
}
