/**
 * The one framing of buildswarm, on the unix socket, on libp2p streams and towards the runner:
 * a frame is [payload length: u32, little endian][type: u8][payload]. docs/PROTOCOL.md lists the types.
 * Pure: bytes in, frames out. The length is checked against the type's limit before anything is kept.
 */

/** Frame types; numbers are part of the protocol (see also src/native/frame.h). */
export const frameTypes = {
  ARGV: 1,
  ENV: 2,
  JOB: 3,
  INLINE: 4,
  STDIN: 5,
  STDIN_END: 6,
  STDIN_TAKEN: 7,
  STDOUT: 8,
  STDERR: 9,
  EXIT: 10,
  SIGNAL: 11,
  CREDIT: 12,
  ACCEPTED: 13,
  REFUSED: 14,
  STARTED: 15,
  RESULT: 16,
  RECALL: 17,
  RETURNED: 18,
  SPAWN_FAILED: 19,
  OFFER: 20,
  BLOB: 21,
  ACK: 22,
  FETCH: 23,
  WRITTEN: 24,
  JOB_END: 25,
  HELLO: 30,
  BEAT: 31,
  BEAT_ACK: 32,
  GOSSIP: 33,
  WANT: 34,
  FREE: 35,
  BYE: 36,
  SHARES: 37,
  KNOWN: 38,
  PAIR: 39,
  REQUEST: 40,
  REPLY: 41,
  EXAMINE: 42,
  EXAMINED: 43,
  TREE_START: 50,
  TREE_LIST: 51,
  TREE_LOOK: 52,
  TREE_READ: 53,
  TREE_BARRIER: 54,
  TREE_COMPARE: 55,
  TREE_NOTE: 56,
  TREE_FORGET: 57,
  TREE_STATUS: 58,
  TREE_LOOKS: 59,
  TREE_READY: 60,
  TREE_MANIFEST: 61,
  TREE_CONTENT: 62,
  TREE_CHANGES: 63,
  TREE_APPLIED: 64,
  TREE_FAILED: 65,
  TREE_FAULT: 66,
  TREE_STORE: 67,
  TREE_DISCARD: 68,
  TREE_DONE: 69,
  TREE_FIGURES: 70,
  TREE_OPEN: 71,
  TREE_OPENED: 72,
  TREE_AHEAD: 73,
  TREE_LOOKED: 74,
} as const;
export type FrameName = keyof typeof frameTypes;

const KiB = 1024;
const MiB = 1024 * KiB;

/** Longest payload per type, in bytes. Arguments and environments of 2 MB are normal; Linux allows 6 MB. */
export const frameLimits: Readonly<Record<FrameName, number>> = {
  ARGV: 8 * MiB,
  ENV: 8 * MiB,
  JOB: 64 * KiB,
  INLINE: 256,
  STDIN: 64 * KiB,
  STDIN_END: 0,
  STDIN_TAKEN: 8,
  STDOUT: 64 * KiB,
  STDERR: 64 * KiB,
  EXIT: 64,
  SIGNAL: 2,
  CREDIT: 4,
  ACCEPTED: 64 * KiB,
  REFUSED: 64 * KiB,
  STARTED: 1 * KiB,
  RESULT: 8 * MiB,
  RECALL: 0,
  RETURNED: 0,
  SPAWN_FAILED: 4 * KiB,
  OFFER: 4 * MiB,
  BLOB: 64 * KiB,
  ACK: 1 * KiB,
  FETCH: 16 * KiB,
  WRITTEN: 1 * KiB,
  JOB_END: 0,
  HELLO: 16 * KiB,
  BEAT: 16 * KiB,
  BEAT_ACK: 64,
  GOSSIP: 1 * MiB,
  WANT: 64,
  FREE: 16 * KiB,
  BYE: 256,
  SHARES: 64 * KiB,
  KNOWN: 1 * KiB,
  PAIR: 4 * KiB,
  REQUEST: 64 * KiB,
  REPLY: 16 * MiB,
  EXAMINE: 32 * KiB,
  EXAMINED: 1 * MiB,
  TREE_START: 256 * KiB,
  TREE_LIST: 16 * KiB,
  TREE_LOOK: 16 * KiB,
  TREE_READ: 16 * KiB,
  TREE_BARRIER: 4,
  TREE_COMPARE: 1 * MiB,
  TREE_NOTE: 16 * KiB,
  TREE_FORGET: 16 * KiB,
  TREE_STATUS: 4,
  TREE_LOOKS: 1 * MiB,
  TREE_READY: 4 * KiB,
  TREE_MANIFEST: 512 * KiB,
  TREE_CONTENT: 1 * MiB + 16 * KiB,
  TREE_CHANGES: 512 * KiB,
  TREE_APPLIED: 12,
  TREE_FAILED: 8,
  TREE_FAULT: 16 * KiB,
  TREE_STORE: 16 * KiB,
  TREE_DISCARD: 16 * KiB,
  TREE_DONE: 8,
  TREE_FIGURES: 16 * KiB,
  TREE_OPEN: 16 * KiB,
  TREE_OPENED: 16 * KiB,
  TREE_AHEAD: 512 * KiB,
  TREE_LOOKED: 1 * MiB,
};

const namesByType = new Map<number, FrameName>(
  Object.entries(frameTypes).map(([name, type]) => [type, name as FrameName]),
);

export interface Frame {
  readonly type: FrameName;
  readonly payload: Uint8Array;
}

/** Bytes that are no frame, or one that has no place here: the connection they came on must end. */
export class FrameError extends Error {
  override name = 'FrameError';
}

export const headerBytes = 5;

/** A frame that comes in crumbs is joined now and then: each crumb would hold the whole packet that it came in. */
const mostChunks = 16;
const smallBytes = 64 * KiB;
const nothing = new Uint8Array(0);

declare const maker: unique symbol;

/** A payload that the encoder of its message has made; no other goes into a frame of this type. */
export type Payload<Type extends FrameName> = Uint8Array & { readonly [maker]: Type };

/** For encoders: what they made. */
export function madePayload<Type extends FrameName>(bytes: Uint8Array): Payload<Type> {
  return bytes as Payload<Type>;
}

/** Types whose payload is passed on as it came: a command's data, and its strings. */
type RawFrame = 'ARGV' | 'ENV' | 'STDIN' | 'STDOUT' | 'STDERR' | 'BLOB' | RelayedFrame;
/** What helpers of a served tree ask and answer: peers read its head and pass the rest on as it came. */
export type RelayedFrame =
  | 'TREE_LIST'
  | 'TREE_LOOK'
  | 'TREE_READ'
  | 'TREE_MANIFEST'
  | 'TREE_CONTENT'
  | 'TREE_CHANGES'
  | 'TREE_AHEAD';
/** Types that say all there is to say. */
type EmptyFrame = 'STDIN_END' | 'STARTED' | 'RECALL' | 'RETURNED' | 'JOB_END' | 'BYE';

/** What a frame of a type is made from, besides the type. */
export type PayloadArguments<Type extends FrameName> = Type extends RawFrame
  ? [payload: Uint8Array]
  : Type extends EmptyFrame
    ? []
    : Type extends 'BEAT'
      ? [payload?: Payload<'BEAT'>]
      : [payload: Payload<Type>];

/** One frame as bytes. @throws FrameError if the payload is longer than its type allows. */
export function encodeFrame<Type extends FrameName>(type: Type, ...rest: PayloadArguments<Type>): Buffer {
  const [payload = nothing] = rest as [Uint8Array?];
  if (payload.length > frameLimits[type]) {
    throw new FrameError(
      `a ${type} frame of ${payload.length} bytes is over its limit of ${frameLimits[type]}`,
    );
  }
  const frame = Buffer.allocUnsafe(headerBytes + payload.length);
  frame.writeUInt32LE(payload.length, 0);
  frame[4] = frameTypes[type];
  frame.set(payload, headerBytes);
  return frame;
}

/** Cuts STDIN, STDOUT or STDERR data into frames that fit. */
export function encodeData(type: 'STDIN' | 'STDOUT' | 'STDERR', data: Uint8Array): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at < data.length; at += frameLimits[type]) {
    frames.push(encodeFrame(type, data.subarray(at, at + frameLimits[type])));
  }
  return frames;
}

/**
 * Cuts a byte stream into frames, however its chunks fall.
 *
 * @param allowed - the types that may come here; any other ends the connection by FrameError.
 * @param maxBytes - bound on one frame, below its type's own limit (64 KiB before the other end is known).
 */
export class FrameDecoder {
  readonly #allowed: ReadonlySet<FrameName>;
  #maxBytes: number;
  #chunks: Uint8Array[] = [];
  #bytes = 0;

  constructor(allowed: readonly FrameName[], maxBytes = Number.POSITIVE_INFINITY) {
    this.#allowed = new Set(allowed);
    this.#maxBytes = maxBytes;
  }

  /** Lifts or lowers the bound, once the other end is known. */
  limit(maxBytes: number): void {
    this.#maxBytes = maxBytes;
  }

  /** Nothing more comes. @returns what was kept of a frame that is not whole, in the pieces in which it came */
  abandon(): readonly Uint8Array[] {
    this.#bytes = 0;
    return this.#chunks.splice(0);
  }

  /** Bytes kept for a frame that is not whole yet. */
  get pendingBytes(): number {
    return this.#bytes;
  }

  /** @returns the frames that `chunk` completes. @throws FrameError; the decoder is then of no more use. */
  push(chunk: Uint8Array): Frame[] {
    if (chunk.length > 0) {
      this.#chunks.push(chunk);
      this.#bytes += chunk.length;
    }
    if (this.#chunks.length >= mostChunks && this.#bytes < smallBytes) {
      this.#chunks = [Buffer.concat(this.#chunks, this.#bytes)];
    }
    const frames: Frame[] = [];
    while (this.#bytes >= headerBytes) {
      const header = this.#peek(headerBytes);
      const length = new DataView(header.buffer, header.byteOffset, headerBytes).getUint32(0, true);
      const type = namesByType.get(header[4] ?? 0);
      if (type === undefined || !this.#allowed.has(type)) {
        throw new FrameError(`a frame of type ${type ?? header[4]} has no place here`);
      }
      const limit = Math.min(frameLimits[type], this.#maxBytes);
      if (length > limit)
        throw new FrameError(`a ${type} frame of ${length} bytes is over its limit of ${limit}`);
      if (this.#bytes < headerBytes + length) break;
      frames.push({ type, payload: this.#take(headerBytes + length).subarray(headerBytes) });
    }
    return frames;
  }

  #peek(count: number): Uint8Array {
    const first = this.#chunks[0];
    if (first !== undefined && first.length >= count) return first.subarray(0, count);
    // Joined once per frame at most, so a frame that trickles in costs no quadratic copying: the joined part is small.
    const head = Buffer.allocUnsafe(count);
    let at = 0;
    for (const part of this.#chunks) {
      head.set(part.subarray(0, count - at), at);
      at = Math.min(count, at + part.length);
      if (at === count) break;
    }
    return head;
  }

  #take(count: number): Uint8Array {
    this.#bytes -= count;
    const first = this.#chunks[0];
    if (first !== undefined && first.length >= count) {
      if (first.length === count) this.#chunks.shift();
      else this.#chunks[0] = first.subarray(count);
      return first.subarray(0, count);
    }
    const whole = Buffer.allocUnsafe(count);
    let at = 0;
    let used = 0;
    for (const part of this.#chunks) {
      const piece = part.subarray(0, count - at);
      whole.set(piece, at);
      at += piece.length;
      if (piece.length < part.length) {
        this.#chunks[used] = part.subarray(piece.length);
        break;
      }
      used += 1;
      if (at === count) break;
    }
    this.#chunks.splice(0, used);
    return whole;
  }
}
