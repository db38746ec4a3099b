/**
 * What those who have shown nothing may cost: bytes that are parsed for them, and words that are said to them. Whatever
 * is more than a peer of another user says in its life is passed over.
 */
import type { PeerName } from '../../core/schedule/contract.ts';
import { FrameError } from '../../wire/frame.ts';

export interface Allowance {
  /** At once. */
  readonly burst: number;
  readonly perS: number;
}

/** Of control messages, bytes: to those who are not proven, peers say little (see GossipLoop and ShareTalk). */
const parsed: Allowance = { burst: 48 * 1024, perS: 4 * 1024 };
/** Whoever goes on far beyond it is sent away. */
const patienceBytes = 4 * 1024 * 1024;

/** So much at once, so much a second. */
export class Bucket {
  readonly #allowance: Allowance;
  #left: number;
  #atMs: number;

  constructor(allowance: Allowance, nowMs: number) {
    this.#allowance = allowance;
    this.#left = allowance.burst;
    this.#atMs = nowMs;
  }

  /** @returns false if there is not so much left; then nothing is taken. */
  take(amount: number, nowMs: number): boolean {
    const { burst, perS } = this.#allowance;
    this.#left = Math.min(burst, this.#left + ((nowMs - this.#atMs) / 1000) * perS);
    this.#atMs = nowMs;
    if (amount > this.#left) return false;
    this.#left -= amount;
    return true;
  }
}

export class Strangers {
  readonly #now: () => number;
  readonly #all = new Map<PeerName, { readonly bucket: Bucket; passedOverBytes: number }>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /**
   * Whether a control message of a stranger is read.
   *
   * @throws FrameError when it has long been too much; its connection must end.
   */
  mayCost(peer: PeerName, sizeBytes: number): boolean {
    let stranger = this.#all.get(peer);
    if (stranger === undefined) {
      stranger = { bucket: new Bucket(parsed, this.#now()), passedOverBytes: 0 };
      this.#all.set(peer, stranger);
    }
    // A message costs something even when it is empty.
    const costBytes = 256 + sizeBytes;
    if (stranger.bucket.take(costBytes, this.#now())) return true;
    stranger.passedOverBytes += costBytes;
    if (stranger.passedOverBytes > patienceBytes) throw new FrameError('a stranger says too much');
    return false;
  }

  forget(peer: PeerName): void {
    this.#all.delete(peer);
  }
}
