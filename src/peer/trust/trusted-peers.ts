/** Which peers are of the same person, in either way: members of a share, and machines that were made known. */
import type { PeerName } from '../../core/schedule/contract.ts';
import type { KnownMachines } from './known-machines.ts';
import type { Membership, Standing } from './membership.ts';

export class TrustedPeers {
  readonly #members: Membership;
  readonly #known: KnownMachines;

  constructor(members: Membership, known: KnownMachines) {
    this.#members = members;
    this.#known = known;
  }

  /** What a peer has proven; does not look. A known machine is as good as a member, though of no share. */
  standing(peer: PeerName): Standing {
    return this.#known.isKnown(peer) ? 'member' : this.#members.standing(peer);
  }

  /** Whether a peer has proven anything so far. */
  isProven(peer: PeerName): boolean {
    return this.standing(peer) !== 'stranger';
  }

  /** As {@link isProven}, and shows it again where that was long ago. */
  async isTrusted(peer: PeerName): Promise<boolean> {
    return this.standing(peer) === 'member' || (await this.proveAgain(peer));
  }

  /** Looks again where a peer has been a member. */
  async proveAgain(peer: PeerName): Promise<boolean> {
    return await this.#members.proveAgain(peer);
  }

  /** Says, for people, why a peer is not used; empty for one that is trusted, or may turn out to be. */
  refusals(peer: PeerName): string[] {
    if (this.#known.isKnown(peer)) return [];
    const ofShares = this.#members.refusals(peer);
    if (ofShares.length > 0 || this.isProven(peer) || this.#known.machines.length === 0) return ofShares;
    const name = this.#known.nameOf(peer);
    return [
      name === undefined
        ? 'not-member: it was not made known to this machine; see `buildswarm invite`'
        : `not-member: it is known here as ${name}, but this machine is not known there; invite it again`,
    ];
  }
}
