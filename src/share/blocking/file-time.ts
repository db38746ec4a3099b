/** Sets when a file was last changed. Synchronous: runs in a disk thread. */
import { execFileSync } from 'node:child_process';
import { lutimesSync } from 'node:fs';
import type { FileTime } from '../written-work.ts';
import type { RealDirectory } from './real-directory.ts';

const nsPerS = 1_000_000_000n;
const touchTimeoutMs = 10_000;

/** A link's own time, not that of what it leads to. The name is plain ASCII. */
export function setFileTime(directory: RealDirectory, name: string, { timeNs, isChosen }: FileTime): void {
  // As text: Node takes a number before 1970 for the present.
  lutimesSync(directory.at(name), Date.now() / 1000, String(secondsOf(timeNs)));
  // A number has no room for all nanoseconds of this century: what is said is a little early.
  if (!isChosen || timeNs % nsPerS === 0n) return;
  const size = timeNs < 0n ? -timeNs : timeNs;
  const date = `@${timeNs < 0n ? '-' : ''}${size / nsPerS}.${String(size % nsPerS).padStart(9, '0')}`;
  execFileSync('touch', ['-h', '-m', '-d', date, '--', name], {
    cwd: directory.place,
    timeout: touchTimeoutMs,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
}

/**
 * The last moment not after `timeNs` that a number can say. A file must not become newer than its job saw it: ninja, run as a
 * job, notes the times of what it made, and would make anew what is newer than noted.
 */
export function secondsOf(timeNs: bigint): number {
  // In two parts: all nanoseconds as one number are rounded by hundreds, and the quotient once more.
  const seconds = Number(timeNs / nsPerS) + Number(timeNs % nsPerS) / 1e9;
  const whole = Math.trunc(seconds);
  // As libuv takes it apart.
  const saidNs = BigInt(whole) * nsPerS + BigInt(Math.trunc((seconds - whole) * 1e9));
  return saidNs > timeNs && seconds > 1 ? seconds - spacingOf(seconds) : seconds;
}

/** Between a number from 1 on and those beside it. */
function spacingOf(value: number): number {
  return 2 ** Math.floor(Math.log2(value)) * Number.EPSILON;
}
