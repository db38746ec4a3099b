/** How this machine waits until it sees what another one has written: what is enough, and when to look again. */
import type { Fact } from '../fact.ts';
import type { FactField } from './contract.ts';
import { sameFact } from './facts.ts';

/** After this time it is left: the worker sends the bytes. */
export const seeTimeoutMs = 5_000;
/** The first pause; each is twice as long as the one before, so nothing is seen later than twice its own delay. */
const firstPauseMs = 1;
const longestPauseMs = 100;

export interface Enough {
  /** Fields of facts that the machines see alike. */
  readonly fields: readonly FactField[];
  /** What has been changed once more since then, by whomever, will do too. @default false */
  readonly orNewer?: boolean;
}

/** True if this machine sees an output as its worker reported it. Nothing may be renamed, and no job may end, before. */
export function isOutputSeen(mine: Fact, reported: Fact, { fields, orNewer = false }: Enough): boolean {
  if (sameFact(mine, reported, fields)) return true;
  return (
    orNewer &&
    mine.kind !== 'absent' &&
    reported.kind !== 'absent' &&
    BigInt(mine.ctimeNs) > BigInt(reported.ctimeNs)
  );
}

/**
 * How long to wait before the next look, ms; undefined: this look was the last.
 *
 * @param looks - how many there were.
 * @param elapsedMs - since the first began.
 */
export function nextLookMs(looks: number, elapsedMs: number, timeoutMs = seeTimeoutMs): number | undefined {
  const leftMs = timeoutMs - elapsedMs;
  if (leftMs < firstPauseMs) return undefined;
  return Math.min(firstPauseMs * 2 ** (looks - 1), longestPauseMs, leftMs);
}
