/** Times of files that a job wrote, as they would be had it run here. Pure. */
import type { FileTime } from '../share/written-work.ts';

const nsPerMs = 1_000_000n;

/** When the job ran by the worker's clock, and within what it ran by this machine's. */
export interface ClockShift {
  /** By this machine's clock: the job was handed in, or later. */
  readonly handedInMs: number;
  /** By the worker's: the command began. */
  readonly startedMs: number;
  /** By the worker's: it had ended, and this was sent. */
  readonly sentMs: number;
  /** By this machine's: that came. */
  readonly receivedMs: number;
}

/**
 * How far the worker's clock is behind, as near to none as can be: the command began when the job had been handed in, and what it
 * wrote was sent before it came. Where the clocks may show the same, times stay as the command saw them: ninja, say, notes those
 * of what it made, and makes anew what is newer.
 */
function behindMs({ handedInMs, startedMs, sentMs, receivedMs }: ClockShift): number {
  return Math.min(receivedMs - sentMs, Math.max(handedInMs - startedMs, 0));
}

/**
 * The time that a file would have if the worker's clock showed what this machine's shows. What the command wrote has a
 * time between its start and its end; any other was chosen (touch -d, cp -p), and stays.
 */
export function timeHere(timeNs: bigint, shift: ClockShift): FileTime {
  const { startedMs, sentMs, receivedMs } = shift;
  if (timeNs < BigInt(startedMs) * nsPerMs || timeNs >= BigInt(sentMs + 1) * nsPerMs)
    return { timeNs, isChosen: true };
  const shifted = timeNs + BigInt(behindMs(shift)) * nsPerMs;
  const now = BigInt(receivedMs) * nsPerMs;
  return { timeNs: shifted < now ? shifted : now, isChosen: false };
}
