/**
 * What peers that were only heard of may cost: anybody on the network can say by mDNS, or by gossip before it has proven
 * anything, that there are hundreds of peers a second. Each budget is far beyond what a LAN of honest peers needs.
 */
import { type Allowance, Bucket } from '../../core/bucket.ts';
import type { SwarmOptions } from '../contract.ts';
import { toError } from '../libp2p/to-error.ts';

/** Packets of mDNS that are read; on an honest LAN each peer answers each query, of which there is one a minute. */
const packets: Allowance = { burst: 256, perS: 32 };
/** Peers that are put on the list of those to be dialled. */
const newcomers: Allowance = { burst: 256, perS: 8 };
/** Dials of peers that never were connected; one that leads to a peer counts for nothing. */
const dials: Allowance = { burst: 16, perS: 2 };
const tellEveryMs = 60_000;

export class Hearsay {
  readonly #nowMs: () => number;
  readonly #log: SwarmOptions['log'];
  readonly #packets: Bucket;
  readonly #newcomers: Bucket;
  readonly #dials: Bucket;
  #failures = 0;
  #toldMs = Number.NEGATIVE_INFINITY;

  constructor(nowMs: () => number, log: SwarmOptions['log']) {
    this.#nowMs = nowMs;
    this.#log = log;
    this.#packets = new Bucket(packets, nowMs());
    this.#newcomers = new Bucket(newcomers, nowMs());
    this.#dials = new Bucket(dials, nowMs());
  }

  /** A packet of mDNS has come. @returns whether it is read. */
  mayRead(): boolean {
    return this.#packets.take(1, this.#nowMs());
  }

  /** Somebody speaks of a peer that is not known. @returns whether it is remembered. */
  mayNote(): boolean {
    return this.#newcomers.take(1, this.#nowMs());
  }

  /** @returns whether a peer that never was connected may be dialled now. */
  mayDial(): boolean {
    return this.#dials.take(1, this.#nowMs());
  }

  /** Such a dial has led to a peer. */
  reached(): void {
    this.#dials.give(1);
  }

  /** Such a dial has failed; that is logged once a minute, with how many have. */
  failed(error: unknown): void {
    this.#failures += 1;
    const nowMs = this.#nowMs();
    if (nowMs - this.#toldMs < tellEveryMs) return;
    this.#log('info', 'peers that were only heard of cannot be reached', {
      dials: this.#failures,
      error: toError(error).message,
    });
    this.#toldMs = nowMs;
    this.#failures = 0;
  }
}
