/** What this peer has seen of those who find it, and of the ways by which they do: for people who ask why they do not. */
export class Sightings {
  /** Queries that were sent by multicast, as far as this machine can tell. */
  queries = 0;
  /** Answers of other peers that came by multicast. */
  answers = 0;
  /** Connections that other machines have opened to this one. */
  inbound = 0;
  /** Why multicast does not leave this machine. */
  noRoute: string | undefined;
  /** Connections turned away, as their host makes too many. */
  turnedAway = 0;
  /** Messages of strangers that were dropped unread, as their sender says too much. */
  dropped = 0;
  /** The last one of which this was so: an IP address, or the id of a peer. */
  lastFlooder: { readonly who: string; readonly atMs: number } | undefined;

  cameIn(): void {
    this.inbound += 1;
  }

  turnAway(address: string, atMs: number): void {
    this.turnedAway += 1;
    this.lastFlooder = { who: address, atMs };
  }

  drop(peer: string, atMs: number): void {
    this.dropped += 1;
    this.lastFlooder = { who: peer, atMs };
  }
}
