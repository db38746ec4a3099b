/** The peers that are connected, and which of them are in use or suspect. */
import type { PeerName } from '../../core/schedule/contract.ts';
import type { SwarmPeer } from '../../swarm/contract.ts';
import type { Swarm } from '../../swarm/swarm.ts';

/** TERM, a quarter of a second, KILL, and some time for a busy machine. */
const closedGraceMs = 1_000;
/** A watched peer is given up 8 s after its last word, and nothing of it writes 12 s after that word. */
const silentGraceMs = 4_000;
/**
 * How long what writes in place may go on without a word of its submitter. Words come every 1.25 s and are handed on every
 * second: so it has ended by 10.25 s after the last word, whatever stood still meanwhile.
 */
export const leaseMs = 8_000;

interface Neighbour {
  readonly peer: SwarmPeer;
  suspect: boolean;
  /** Jobs in flight between us, either way. */
  uses: number;
}

export class Neighbours {
  readonly #all = new Map<PeerName, Neighbour>();

  met(peer: SwarmPeer): void {
    this.#all.set(peer.id, { peer, suspect: false, uses: this.#all.get(peer.id)?.uses ?? 0 });
  }

  gone(id: PeerName): void {
    this.#all.delete(id);
  }

  suspect(id: PeerName, suspect: boolean): void {
    const neighbour = this.#all.get(id);
    if (neighbour !== undefined) neighbour.suspect = suspect;
  }

  has(id: PeerName): boolean {
    return this.#all.has(id);
  }

  /**
   * For how long a command of a peer that was just lost may still write. A connection that ends is seen at both ends, by the
   * kernel if the peer itself is dead, and the worker ends its jobs at once; of one that fell silent we only know that it
   * gives up as we do, some seconds after the last word, and that clocks differ.
   */
  graceMs(id: PeerName): number {
    return this.#all.get(id)?.suspect === true ? silentGraceMs : closedGraceMs;
  }

  /** What it said of itself when it was met. */
  helloOf(id: PeerName): SwarmPeer['hello'] | undefined {
    return this.#all.get(id)?.peer.hello;
  }

  ids(): PeerName[] {
    return [...this.#all.keys()];
  }

  all(): IterableIterator<{ readonly peer: SwarmPeer; readonly suspect: boolean }> {
    return this.#all.values();
  }

  /** A job to or from that peer began or ended: while there is one, its silence is noticed in seconds. */
  watch(id: PeerName, on: boolean, swarm: Swarm): void {
    const neighbour = this.#all.get(id);
    if (neighbour === undefined) return;
    const before = neighbour.uses;
    neighbour.uses = Math.max(0, before + (on ? 1 : -1));
    if (before === 0 && on) swarm.watch(id, true);
    if (before === 1 && !on) swarm.watch(id, false);
  }
}
