/** Times of files that a job wrote, as they would be had it run here. Pure. */
import type { FileTime } from '../share/written-work.ts';

const nsPerMs = 1_000_000n;

/** When the job ran by the worker's clock, and when that came here by this machine's. */
export interface ClockShift {
  readonly startedMs: number;
  readonly sentMs: number;
  readonly receivedMs: number;
}

/**
 * The time that a file would have if the worker's clock showed what this machine's shows. What the command wrote has a
 * time between its start and its end; any other was chosen (touch -d, cp -p), and stays.
 */
export function timeHere(timeNs: bigint, { startedMs, sentMs, receivedMs }: ClockShift): FileTime {
  if (timeNs < BigInt(startedMs) * nsPerMs || timeNs >= BigInt(sentMs + 1) * nsPerMs)
    return { timeNs, isChosen: true };
  const shifted = timeNs + BigInt(receivedMs - sentMs) * nsPerMs;
  const now = BigInt(receivedMs) * nsPerMs;
  return { timeNs: shifted < now ? shifted : now, isChosen: false };
}
