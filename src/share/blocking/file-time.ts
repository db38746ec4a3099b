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
  lutimesSync(directory.at(name), Date.now() / 1000, String(Number(timeNs) / 1e9));
  // A number has no room for all nanoseconds of this century: it is right to half a microsecond.
  if (!isChosen || timeNs % nsPerS === 0n) return;
  const size = timeNs < 0n ? -timeNs : timeNs;
  const date = `@${timeNs < 0n ? '-' : ''}${size / nsPerS}.${String(size % nsPerS).padStart(9, '0')}`;
  execFileSync('touch', ['-h', '-m', '-d', date, '--', name], {
    cwd: directory.place,
    timeout: touchTimeoutMs,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
}
