/**
 * Who may knock, before a handshake costs anything: one host has a few peers (one a user), not hundreds, and does not
 * connect again and again. Whoever is turned away is dialled, or dials, again later. Pure but for its state.
 */

/** Connections of one host at a time. */
const maxPerHost = 64;
/** Handshakes, at once and a second; each costs some ms of CPU. */
const ofHost = { burst: 12, perS: 2 } as const;
/** Of all together: one host may have as many addresses as it likes. */
const ofAll = { burst: 256, perS: 32 } as const;
/** Hosts whose count is kept. */
const maxHosts = 4_096;

interface Handshakes {
  left: number;
  atMs: number;
}
interface Host extends Handshakes {
  open: number;
}

export class Gate {
  readonly #hosts = new Map<string, Host>();
  readonly #nowMs: () => number;
  readonly #all: Handshakes;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
    this.#all = { left: ofAll.burst, atMs: nowMs() };
  }

  /** A host connects, an IP address as the socket has it. @returns whether it may; then it has used one handshake. */
  admit(address: string): boolean {
    if (isOwn(address)) return true;
    const host = this.#host(address);
    refill(host, ofHost, this.#nowMs());
    refill(this.#all, ofAll, this.#nowMs());
    if (host.open >= maxPerHost || host.left < 1 || this.#all.left < 1) return false;
    host.left -= 1;
    this.#all.left -= 1;
    return true;
  }

  opened(address: string): void {
    if (!isOwn(address)) this.#host(address).open += 1;
  }

  closed(address: string): void {
    const host = this.#hosts.get(plain(address));
    if (host !== undefined) host.open = Math.max(0, host.open - 1);
  }

  #host(address: string): Host {
    const name = plain(address);
    let host = this.#hosts.get(name);
    if (host === undefined) {
      if (this.#hosts.size >= maxHosts) this.#forgetOne();
      host = { open: 0, left: ofHost.burst, atMs: this.#nowMs() };
      this.#hosts.set(name, host);
    }
    return host;
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

function refill(handshakes: Handshakes, allowed: { burst: number; perS: number }, nowMs: number): void {
  const gained = ((nowMs - handshakes.atMs) / 1000) * allowed.perS;
  handshakes.left = Math.min(allowed.burst, handshakes.left + gained);
  handshakes.atMs = nowMs;
}

/** This machine itself may have many peers, and needs no network to trouble us. */
function isOwn(address: string): boolean {
  return plain(address).startsWith('127.') || address === '::1';
}

/** An IPv4 address is the same one on a socket for both families. */
function plain(address: string): string {
  return address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
}
