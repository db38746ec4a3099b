/**
 * Submitters that wait for a slot of this worker, the longest waiting first, and the slots that are kept for those
 * who were told that one is free.
 */
import type { PeerName } from './contract.ts';

export interface SubmitterLine {
  /** How many jobs each has waiting; a Map keeps the order of arrival. */
  readonly waiters: Map<PeerName, number>;
  readonly reservations: Map<PeerName, { count: number; untilMs: number }>;
}

export function createSubmitterLine(): SubmitterLine {
  return { waiters: new Map(), reservations: new Map() };
}

/** Puts a submitter at the end of the line; one that stands there keeps its place. */
export function addWaiter(line: SubmitterLine, peer: PeerName, jobs: number): void {
  line.waiters.set(peer, Math.max(jobs, 1));
}

/** It waits no more, and what is kept for it is free again. */
export function dropWaiter(line: SubmitterLine, peer: PeerName): void {
  line.waiters.delete(peer);
  line.reservations.delete(peer);
}

/** Slots kept, for others than `except`. */
export function reservedSlots(line: SubmitterLine, except?: PeerName): number {
  let count = 0;
  for (const [name, reservation] of line.reservations) if (name !== except) count += reservation.count;
  return count;
}

/** An offer of `peer` was accepted: what was kept for it is used. */
export function takeReservation(line: SubmitterLine, peer: PeerName): void {
  const reservation = line.reservations.get(peer);
  if (reservation === undefined) return;
  reservation.count -= 1;
  if (reservation.count <= 0) line.reservations.delete(peer);
}

export function expireReservations(line: SubmitterLine, nowMs: number): void {
  for (const [peer, { untilMs }] of line.reservations) if (nowMs >= untilMs) line.reservations.delete(peer);
}

/** Infinity: nothing is kept. */
export function nextExpiry(line: SubmitterLine): number {
  let atMs = Number.POSITIVE_INFINITY;
  for (const { untilMs } of line.reservations.values()) atMs = Math.min(atMs, untilMs);
  return atMs;
}

/**
 * Keeps what is free for those who wait, one slot each in turn. Who got something goes to the end of the line, and leaves
 * it with the last of its jobs; it says again how many wait when it answers.
 *
 * @param room - what could be accepted now, what is kept included.
 * @returns whom to tell.
 */
export function grantFree(line: SubmitterLine, room: number, untilMs: number): PeerName[] {
  let free = room;
  if (free <= 0 || line.waiters.size === 0) return [];
  for (const { count } of line.reservations.values()) free -= count;
  const told = new Set<PeerName>();
  for (const [peer, jobs] of line.waiters) {
    if (free <= 0) break;
    free -= 1;
    told.add(peer);
    // Deleted and set again, it is visited again by this very loop after all others.
    line.waiters.delete(peer);
    if (jobs > 1) line.waiters.set(peer, jobs - 1);
    const reservation = line.reservations.get(peer);
    if (reservation === undefined) line.reservations.set(peer, { count: 1, untilMs });
    else {
      reservation.count += 1;
      reservation.untilMs = untilMs;
    }
  }
  return [...told];
}
