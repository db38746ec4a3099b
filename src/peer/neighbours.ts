/** The peers that are connected, and which of them are in use or suspect. */
import type { PeerName } from '../core/schedule/contract.ts';
import type { Swarm, SwarmPeer } from '../swarm/swarm.ts';

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
