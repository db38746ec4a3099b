/**
 * Decides which hosts may connect, before a handshake costs anything. One host has a few peers (one a user), not hundreds,
 * and does not connect again and again. A peer that is turned away is dialled, or dials, again later.
 */

import { Bucket } from '../../core/bucket.ts';
import { getOrMake } from '../../core/get-or-make.ts';

/** Connections of one host at a time. */
const maxPerHost = 64;
/** Handshakes, at once and a second; each costs some ms of CPU. */
const ofHost = { burst: 12, perS: 2 } as const;
/** Of all together: one host may have as many addresses as it likes. */
const ofAll = { burst: 256, perS: 32 } as const;
/** For so long no host may connect on which a stranger did what no honest peer does; it may still be dialled. */
const barredMs = 60_000;
/** Hosts whose count is kept. */
const maxHosts = 4_096;

interface Host {
  open: number;
  barredUntilMs: number;
  readonly handshakes: Bucket;
}

export class Gate {
  readonly #hosts = new Map<string, Host>();
  readonly #nowMs: () => number;
  readonly #onTurnedAway: (address: string) => void;
  readonly #all: Bucket;

  /** @param onTurnedAway - a host may not connect now. */
  constructor(nowMs: () => number, onTurnedAway: (address: string) => void = () => undefined) {
    this.#nowMs = nowMs;
    this.#onTurnedAway = onTurnedAway;
    this.#all = new Bucket(ofAll, nowMs());
  }

  /** A host connects, an IP address as the socket has it. @returns whether it may; then it has used one handshake. */
  admit(address: string): boolean {
    if (isOwn(address)) return true;
    const host = this.#host(address);
    const nowMs = this.#nowMs();
    const isBarred = nowMs < host.barredUntilMs || host.open >= maxPerHost;
    if (isBarred || !host.handshakes.has(1, nowMs) || !this.#all.take(1, nowMs)) {
      this.#onTurnedAway(plain(address));
      return false;
    }
    host.handshakes.take(1, nowMs);
    return true;
  }

  opened(address: string): void {
    if (!isOwn(address)) this.#host(address).open += 1;
  }

  closed(address: string): void {
    const host = this.#hosts.get(plain(address));
    if (host !== undefined) host.open = Math.max(0, host.open - 1);
  }

  /** A connection of this host was ended, as a stranger kept this peer busy with what leads to nothing. */
  offended(address: string): void {
    if (!isOwn(address)) this.#host(address).barredUntilMs = this.#nowMs() + barredMs;
  }

  #host(address: string): Host {
    const name = plain(address);
    if (this.#hosts.size >= maxHosts && !this.#hosts.has(name)) this.#forgetOne();
    return getOrMake(this.#hosts, name, () => ({
      open: 0,
      barredUntilMs: Number.NEGATIVE_INFINITY,
      handshakes: new Bucket(ofHost, this.#nowMs()),
    }));
  }

  /** The one known for longest that has no connection. */
  #forgetOne(): void {
    for (const [name, { open }] of this.#hosts) {
      if (open > 0) continue;
      this.#hosts.delete(name);
      return;
    }
  }
}

/** This machine itself may have many peers, and needs no network to trouble us. */
function isOwn(address: string): boolean {
  return plain(address).startsWith('127.') || address === '::1';
}

/** An IPv4 address is the same one on a socket for both families. */
function plain(address: string): string {
  return address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
}
