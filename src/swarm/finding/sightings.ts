/** What this peer has seen of the ways by which peers find each other: for people who ask why they do not. */
export class Sightings {
  /** Queries that were sent by multicast, as far as this machine can tell. */
  queries = 0;
  /** Answers of other peers that came by multicast. */
  answers = 0;
  /** Connections that other machines have opened to this one. */
  inbound = 0;
  /** Why multicast does not leave this machine. */
  noRoute: string | undefined;

  cameIn(): void {
    this.inbound += 1;
  }
}
