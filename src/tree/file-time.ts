/** Times of files that a job wrote, as they would be had it run here. */
import { execFile } from 'node:child_process';
import { lutimes } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { RealDirectory } from './real-directory.ts';

const nsPerMs = 1_000_000n;
const nsPerS = 1_000_000_000n;
const touchTimeoutMs = 10_000;

/** When the job ran by the worker's clock, and when that came here by this machine's. */
export interface ClockShift {
  readonly startedMs: number;
  readonly sentMs: number;
  readonly receivedMs: number;
}

export interface FileTime {
  readonly timeNs: bigint;
  /** Set on purpose, so to be kept to the nanosecond. */
  readonly isChosen: boolean;
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

/** Sets when a name was last changed; a link's own time, not that of what it leads to. The name is plain ASCII. */
export async function setFileTime(
  directory: RealDirectory,
  name: string,
  { timeNs, isChosen }: FileTime,
): Promise<void> {
  await lutimes(directory.at(name), Date.now() / 1000, Number(timeNs) / 1e9);
  // A number has no room for all nanoseconds of this century: it is right to half a microsecond.
  if (!isChosen || timeNs % nsPerS === 0n) return;
  const fraction = ((timeNs % nsPerS) + nsPerS) % nsPerS;
  const date = `@${(timeNs - fraction) / nsPerS}.${String(fraction).padStart(9, '0')}`;
  await promisify(execFile)('touch', ['-h', '-m', '-d', date, '--', name], {
    cwd: directory.place,
    timeout: touchTimeoutMs,
  });
}
