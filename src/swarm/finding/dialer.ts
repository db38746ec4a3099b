/**
 * Whom to dial, and when: peers found by mDNS or told by gossip, peers that were lost, and the addresses that
 * were given by hand, for ever. Knows nothing of streams: it is told when a peer is connected and when it is gone.
 *
 * Both ends of a pair find each other at the same time; the one with the lower id dials at once, the other only
 * when nothing came of it. Identities last for one life of a peer, so given addresses are dialled without theirs.
 */
import { byPromise, isDialable, withoutPeer } from './addresses.ts';
import type { Hearsay } from './hearsay.ts';

export interface DialerOptions {
  readonly ownId: string;
  readonly nowMs: () => number;
  /** Connects and says hello. Resolves with the peer's id when a connection stands, rejects otherwise. */
  readonly dial: (addresses: string[], id: string | undefined) => Promise<string>;
  readonly isConnected: (id: string) => boolean;
  readonly onFailed: (target: string, failures: number, error: unknown) => void;
  readonly hearsay: Hearsay;
}

/** The end with the higher id waits so long for the other's dial. */
const yieldMs = 250;
const firstRetryMs = 150;
const retryMs = 500;
const maxRetryMs = 30_000;
/** A lost peer that answers a query of mDNS is not waited for longer than this: the network is there again. */
const answeredRetryMs = 3_000;
/** A connection that lived shorter than this makes the next dial wait as if it had failed. */
const stableMs = 15_000;
/** A peer that nobody mentions and nobody reaches is forgotten. */
const forgetMs = 10 * 60_000;
const maxTargets = 2000;
/** At a time: handshakes cost CPU, and many at once all take long. */
const maxDials = 8;
/** Those that were only heard of, and may not be dialled now, are looked at again together, at multiples of this. */
const hearsayWaitMs = 1_000;

/** Who speaks of a peer: somebody that is believed, anybody, or by mDNS, as it seems, that peer itself. */
export type Mention = 'known' | 'hearsay' | 'answer';

interface Target {
  /** Undefined for an address given by hand. */
  readonly id: string | undefined;
  addresses: string[];
  dialling: boolean;
  dueMs: number;
  failures: number;
  mentionedMs: number;
  /** When the last dial began. */
  triedMs: number;
  connectedMs: number;
  /** A dial of ours led there once. */
  dialled: boolean;
  /** Nobody that is believed speaks of it, and it never was connected. */
  isHearsay: boolean;
  /** For an address given by hand: who answered there. */
  answeredBy: string | undefined;
}

export class Dialer {
  readonly #options: DialerOptions;
  readonly #targets = new Map<string, Target>();
  #timer: NodeJS.Timeout | undefined;
  #timerMs = Number.POSITIVE_INFINITY;
  #stopped = false;
  #dials = 0;

  constructor(options: DialerOptions) {
    this.#options = options;
  }

  /** Starts on the addresses given by hand. */
  start(bootstrap: readonly string[]): void {
    for (const address of bootstrap) {
      const plain = withoutPeer(address);
      this.#add(plain, undefined, [plain], this.#options.nowMs());
    }
    this.#schedule();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#targets.clear();
  }

  /**
   * Somebody said that this peer is at these addresses.
   *
   * @param isHearsay - anybody could have said that.
   * @param hasAnswered - it seems to have said so itself, just now.
   */
  found(id: string, addresses: readonly string[], isHearsay = false, hasAnswered = false): void {
    if (this.#stopped || id === this.#options.ownId) return;
    const nowMs = this.#options.nowMs();
    const known = this.#targets.get(id);
    if (known !== undefined) {
      known.mentionedMs = nowMs;
      if (!isHearsay) known.isHearsay = false;
      const usable = addresses.filter(isDialable);
      if (usable.length > 0) known.addresses = usable;
      if (hasAnswered) this.#hurry(known, nowMs);
      return;
    }
    const usable = addresses.filter(isDialable);
    if (usable.length === 0 || (isHearsay && !this.#options.hearsay.mayNote())) return;
    if (this.#targets.size >= maxTargets) this.#forgetOldest();
    if (this.#targets.size >= maxTargets) return;
    const target = this.#add(id, id, usable, nowMs + (this.#options.ownId < id ? 0 : yieldMs));
    target.isHearsay = isHearsay;
    this.#schedule();
  }

  /**
   * Dials these addresses, whoever answers there, as long as nothing else is said under this name.
   *
   * @param addresses - none: no longer.
   */
  keepDialling(name: string, addresses: readonly string[]): void {
    if (this.#stopped) return;
    const key = `known ${name}`;
    const usable = addresses.map(withoutPeer).filter(isDialable);
    const before = this.#targets.get(key);
    if (usable.length === 0) this.#targets.delete(key);
    else if (before?.addresses.join() === usable.join()) return;
    else this.#add(key, undefined, usable, this.#options.nowMs());
    this.#schedule();
  }

  /** A connection to this peer stands. @param dialled - by us. */
  connected(id: string, addresses: readonly string[], dialled: boolean): void {
    const nowMs = this.#options.nowMs();
    const target = this.#targets.get(id) ?? this.#add(id, id, [], Number.POSITIVE_INFINITY);
    if (dialled) target.dialled = true;
    target.isHearsay = false;
    if (addresses.length > 0) target.addresses = addresses.filter(isDialable);
    target.connectedMs = nowMs;
    target.mentionedMs = nowMs;
    target.dueMs = Number.POSITIVE_INFINITY;
  }

  /** @param willReturn - false if it said goodbye: then it is not looked for until somebody mentions it. */
  gone(id: string, willReturn: boolean): void {
    const nowMs = this.#options.nowMs();
    const target = this.#targets.get(id);
    // Who came for a moment comes again if it wants to: else strangers that come and go would keep us dialling.
    const isPasserBy = target?.dialled === false && nowMs - target.connectedMs < stableMs;
    if (target !== undefined && (!willReturn || isPasserBy)) this.#targets.delete(id);
    else if (target !== undefined) this.#lost(target, nowMs);
    for (const given of this.#targets.values()) {
      if (given.answeredBy !== id) continue;
      given.answeredBy = undefined;
      this.#lost(given, nowMs);
    }
    this.#schedule();
  }

  /** A peer that we cannot talk to: not again before a long while. */
  shun(id: string): void {
    const target = this.#targets.get(id) ?? this.#add(id, id, [], 0);
    target.dueMs = this.#options.nowMs() + forgetMs;
  }

  /** What somebody said long ago makes room for what was said just now. */
  #forgetOldest(): void {
    for (const [key, target] of this.#targets) {
      if (target.id === undefined || target.dialling || this.#options.isConnected(target.id)) continue;
      this.#targets.delete(key);
      return;
    }
  }

  #add(key: string, id: string | undefined, addresses: string[], dueMs: number): Target {
    const target: Target = {
      id,
      addresses,
      dialling: false,
      dueMs,
      failures: 0,
      mentionedMs: this.#options.nowMs(),
      triedMs: Number.NEGATIVE_INFINITY,
      connectedMs: Number.NEGATIVE_INFINITY,
      dialled: false,
      isHearsay: false,
      answeredBy: undefined,
    };
    this.#targets.set(key, target);
    return target;
  }

  /** It was connected: at once again, unless it comes and goes. */
  #lost(target: Target, nowMs: number): void {
    target.failures = nowMs - target.connectedMs > stableMs ? 0 : target.failures + 1;
    this.#wait(target, nowMs, target.failures <= 1 ? firstRetryMs : backOffMs(target.failures - 1));
  }

  #failed(target: Target, nowMs: number): void {
    target.failures += 1;
    this.#wait(target, nowMs, backOffMs(target.failures));
  }

  #wait(target: Target, nowMs: number, waitMs: number): void {
    const yields = target.id !== undefined && this.#options.ownId > target.id;
    target.dueMs = nowMs + waitMs + (yields ? yieldMs : 0);
  }

  /** Ends a long wait after many failures; never that for a peer that was only heard of, or is shunned. */
  #hurry(target: Target, nowMs: number): void {
    const waitsForRetry = !target.dialling && target.dueMs <= nowMs + maxRetryMs * 1.25;
    const dueMs = Math.max(nowMs, target.triedMs + answeredRetryMs);
    if (target.isHearsay || !waitsForRetry || dueMs >= target.dueMs) return;
    target.dueMs = dueMs;
    this.#schedule();
  }

  #schedule(): void {
    // When all dials are taken, the end of one schedules.
    if (this.#stopped || this.#dials >= maxDials) return;
    let nextMs = Number.POSITIVE_INFINITY;
    for (const target of this.#targets.values()) {
      if (!target.dialling) nextMs = Math.min(nextMs, target.dueMs);
    }
    if (nextMs === this.#timerMs) return;
    clearTimeout(this.#timer);
    this.#timerMs = nextMs;
    if (nextMs === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(
      () => {
        this.#timerMs = Number.POSITIVE_INFINITY;
        this.#dialDue();
      },
      Math.max(0, nextMs - this.#options.nowMs()),
    );
    this.#timer.unref();
  }

  #dialDue(): void {
    const nowMs = this.#options.nowMs();
    for (const [key, target] of this.#targets) {
      if (target.dialling || target.dueMs > nowMs) continue;
      if (target.id !== undefined && this.#options.isConnected(target.id)) {
        target.dueMs = Number.POSITIVE_INFINITY;
      } else if (target.id !== undefined && nowMs - target.mentionedMs > forgetMs) {
        this.#targets.delete(key);
      } else if (target.addresses.length === 0) {
        this.#targets.delete(key);
      } else if (this.#dials >= maxDials) {
        break; // the end of one schedules
      } else if (target.isHearsay && !this.#options.hearsay.mayDial()) {
        target.dueMs = (Math.floor(nowMs / hearsayWaitMs) + 1) * hearsayWaitMs;
      } else {
        void this.#dial(key, target);
      }
    }
    this.#schedule();
  }

  async #dial(key: string, target: Target): Promise<void> {
    target.dialling = true;
    target.triedMs = this.#options.nowMs();
    this.#dials += 1;
    target.dueMs = Number.POSITIVE_INFINITY;
    const { isHearsay } = target;
    try {
      const id = await this.#options.dial(byPromise(target.addresses), target.id);
      if (isHearsay) this.#options.hearsay.reached();
      if (target.id === undefined) {
        target.connectedMs = this.#options.nowMs();
        target.answeredBy = id;
        // It may have gone between its answer and now.
        if (!this.#options.isConnected(id) && id !== this.#options.ownId) this.gone(id, true);
      }
    } catch (thrown) {
      if (target.id === undefined || !this.#options.isConnected(target.id)) {
        this.#failed(target, this.#options.nowMs());
        if (target.isHearsay) this.#options.hearsay.failed(thrown);
        else this.#options.onFailed(key, target.failures, thrown);
      } else if (isHearsay) {
        this.#options.hearsay.reached();
      }
    } finally {
      target.dialling = false;
      this.#dials -= 1;
      this.#schedule();
    }
  }
}

function backOffMs(failures: number): number {
  return Math.min(maxRetryMs, retryMs * 2 ** (failures - 1)) * (0.75 + Math.random() / 2);
}
