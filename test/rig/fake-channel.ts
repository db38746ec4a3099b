/**
 * A job's stream joined in memory: two ends that keep JobChannel's contract (test/contract/job-channel.ts), with the real
 * codec between them.
 */
import type { ChannelEnd, JobChannel } from '../../src/swarm/libp2p/channel.ts';
import {
  encodeFrame,
  type Frame,
  FrameDecoder,
  FrameError,
  type FrameName,
  frameTypes,
  headerBytes,
  type PayloadArguments,
} from '../../src/wire/frame.ts';

const strangerFrameBytes = 64 * 1024;
const highWaterBytes = 256 * 1024;
const lowWaterBytes = 64 * 1024;

/** Hands over what one end sends to the other, later, in order. */
export type Carry = (to: 'submitter' | 'worker', deliver: () => void) => void;

export interface ChannelPair {
  readonly submitter: FakeChannel;
  readonly worker: FakeChannel;
}

/** @param peers - the ids of the two ends. */
export function createChannelPair(
  peers: { readonly submitter: string; readonly worker: string },
  carry: Carry = (_to, deliver) => queueMicrotask(deliver),
): ChannelPair {
  const submitter = new FakeChannel(peers.worker, (deliver) => carry('worker', deliver));
  const worker = new FakeChannel(peers.submitter, (deliver) => carry('submitter', deliver));
  submitter.join(worker);
  return { submitter, worker };
}

export class FakeChannel implements JobChannel {
  readonly peer: string;
  onFrame: (frame: Frame) => void = () => {};
  onDrain: () => void = () => {};
  onEnd: (why: ChannelEnd) => void = () => {};
  /** Called once, when this end is closed, whoever closed it. */
  onOver: () => void = () => {};
  readonly #carry: (deliver: () => void) => void;
  readonly #decoder = new FrameDecoder(Object.keys(frameTypes) as FrameName[], strangerFrameBytes);
  #other!: FakeChannel;
  #isOpen = true;
  #isPaused = false;
  #held: Frame[] = [];
  #ending: ChannelEnd | undefined;
  /** Sent and not yet taken at the other end. */
  #waitingBytes = 0;
  #wantsDrain = false;

  constructor(peer: string, carry: (deliver: () => void) => void) {
    this.peer = peer;
    this.#carry = carry;
  }

  join(other: FakeChannel): void {
    this.#other = other;
    other.#other = this;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** The other end has been told to send no more for now. */
  get waitsForRoom(): boolean {
    return this.#other.#wantsDrain;
  }

  send<Type extends FrameName>(type: Type, ...payload: PayloadArguments<Type>): boolean {
    if (!this.#isOpen || this.#ending !== undefined) return false;
    const bytes = encodeFrame(type, ...payload);
    this.#waitingBytes += bytes.length;
    this.#carry(() => this.#other.#receive(bytes));
    if (this.#waitingBytes >= highWaterBytes) this.#wantsDrain = true;
    return !this.#wantsDrain;
  }

  limit(maxFrameBytes: number): void {
    this.#decoder.limit(maxFrameBytes);
  }

  pause(): void {
    if (this.#isOpen) this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isOpen) return;
    this.#isPaused = false;
    while (this.#isOpen && !this.#isPaused) {
      const frame = this.#held.shift();
      if (frame === undefined) break;
      this.#hand(frame);
    }
    if (!this.#isPaused) this.#tellEnd();
  }

  close(): void {
    this.#leave('closed');
  }

  abort(): void {
    this.#leave('lost');
  }

  /** The connection dies: both ends are told, what is on its way is lost. */
  lose(): void {
    this.cut();
    this.#other.cut();
  }

  /** This end sees the connection die. */
  cut(): void {
    this.#end('lost');
  }

  #leave(why: ChannelEnd): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#held = [];
    this.#carry(() => this.#other.#end(why));
    this.onOver();
  }

  #receive(bytes: Uint8Array): void {
    if (!this.#isOpen || this.#ending !== undefined) return;
    let frames: Frame[];
    try {
      frames = this.#decoder.push(bytes);
    } catch (thrown) {
      return this.#garbage(thrown);
    }
    for (const frame of frames) {
      if (this.#isPaused) this.#held.push(frame);
      else this.#hand(frame);
    }
  }

  #hand(frame: Frame): void {
    const sender = this.#other;
    sender.#waitingBytes -= headerBytes + frame.payload.length;
    try {
      this.onFrame(frame);
    } catch (thrown) {
      this.#garbage(thrown);
    }
    if (!sender.#wantsDrain || sender.#waitingBytes > lowWaterBytes) return;
    sender.#wantsDrain = false;
    this.#carry(() => {
      if (sender.#isOpen) sender.onDrain();
    });
  }

  #garbage(thrown: unknown): void {
    if (!(thrown instanceof FrameError)) throw thrown;
    if (!this.#isOpen || this.#ending !== undefined) return;
    this.#held = [];
    this.#carry(() => this.#other.#end('lost'));
    this.#ending = 'garbage';
    this.#isPaused = false;
    this.#tellEnd();
  }

  #end(why: ChannelEnd): void {
    if (!this.#isOpen || this.#ending !== undefined) return;
    this.#ending = why;
    if (!this.#isPaused) this.#tellEnd();
  }

  #tellEnd(): void {
    const why = this.#ending;
    if (!this.#isOpen || why === undefined) return;
    this.close();
    this.onEnd(why);
  }
}
