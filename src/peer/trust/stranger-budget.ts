/**
 * Bounds what strangers may cost: the bytes of control messages that are parsed for each. Messages beyond the allowance
 * are dropped unread; it is more than an honest peer of another user sends.
 */

import { type Allowance, Bucket } from '../../core/bucket.ts';
import { getOrMake } from '../../core/get-or-make.ts';
import type { PeerName } from '../../core/schedule/contract.ts';
import { FrameError } from '../../wire/frame.ts';

/** Bytes. To peers that are not proven, an honest peer says little (see GossipLoop and Introductions). */
const parsed: Allowance = { burst: 48 * 1024, perS: 4 * 1024 };
/** A stranger whose dropped messages add up to this is disconnected. */
const patienceBytes = 4 * 1024 * 1024;
/** Parsing an empty message costs as much as this. */
const overheadBytes = 256;

interface Stranger {
  readonly bucket: Bucket;
  droppedBytes: number;
}

export class StrangerBudget {
  readonly #now: () => number;
  readonly #strangers = new Map<PeerName, Stranger>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /**
   * Whether a control message of a stranger is read.
   *
   * @throws FrameError when the stranger has sent far too much; its connection must end.
   */
  allows(peer: PeerName, sizeBytes: number): boolean {
    const stranger = getOrMake(this.#strangers, peer, () => ({
      bucket: new Bucket(parsed, this.#now()),
      droppedBytes: 0,
    }));
    const costBytes = overheadBytes + sizeBytes;
    if (stranger.bucket.take(costBytes, this.#now())) return true;
    stranger.droppedBytes += costBytes;
    if (stranger.droppedBytes > patienceBytes) throw new FrameError('a stranger sends too much');
    return false;
  }

  forget(peer: PeerName): void {
    this.#strangers.delete(peer);
  }
}
