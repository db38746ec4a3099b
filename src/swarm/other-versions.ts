/** Peers that speak another version: shown for a while, then looked at again if somebody mentions them. */
import type { OtherVersionPeer } from './contract.ts';

const keptMs = 10 * 60_000;
const maxKept = 256;

export class OtherVersions {
  readonly #rows = new Map<string, { readonly peer: OtherVersionPeer; readonly seenMs: number }>();

  /** @returns whether it was not known before. */
  add(peer: OtherVersionPeer, seenMs: number): boolean {
    const isNew = !this.#rows.has(peer.id);
    if (!isNew || this.#rows.size < maxKept) this.#rows.set(peer.id, { peer, seenMs });
    return isNew;
  }

  has(id: string): boolean {
    return this.#rows.has(id);
  }

  delete(id: string): void {
    this.#rows.delete(id);
  }

  list(): OtherVersionPeer[] {
    return [...this.#rows.values()].map(({ peer }) => peer);
  }

  sweep(nowMs: number): void {
    for (const [id, { seenMs }] of this.#rows) if (nowMs - seenMs > keptMs) this.#rows.delete(id);
  }
}
