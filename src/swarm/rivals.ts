/** Which one of two connections to the same peer stays, so that both ends decide alike. */

/** What matters of a connection for this. */
export interface Rival {
  readonly peer: string;
  readonly dialled: boolean;
  readonly isOpen: boolean;
  readonly retired: boolean;
  readonly helloSentMs: number | undefined;
  readonly establishedMs: number | undefined;
}

/** Made within this time of each other: both ends dialled at once. */
const simultaneousMs = 2000;

/**
 * Whether the end that dialled a connection has forgotten this one, of which another connection counted so far: it would not have
 * dialled otherwise, unless both dialled at once. What stood between them has ended there.
 */
export function hasForgotten(link: Rival, before: Rival, nowMs: number): boolean {
  const standsSinceMs = nowMs - (before.establishedMs ?? nowMs);
  return !link.dialled && standsSinceMs >= simultaneousMs;
}

/**
 * Whether a connection that the other end dialled, and on which its hello came, may stand. Of two made at the same
 * time the one stays that the lower id dialled. Otherwise the newer: the other end would not have dialled if it
 * still had the old one, so the old one is dead and we do not know it yet.
 */
export function staysBeside<T extends Rival>(
  link: T,
  all: Iterable<T>,
  ownId: string,
  nowMs: number,
): boolean {
  if (ownId > link.peer) return true;
  for (const other of all) {
    if (other === link || other.peer !== link.peer || !other.dialled || !other.isOpen || other.retired)
      continue;
    const isFresh = other.establishedMs === undefined || nowMs - other.establishedMs < simultaneousMs;
    if (isFresh && other.helloSentMs !== undefined) return false;
  }
  return true;
}
