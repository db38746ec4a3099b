/** The clock of the file system that a share is on, which ages of files are judged by, beside the clock of this process. */
import { shareDirectory } from '../core/share-layout.ts';
import type { Disk } from './disk.ts';

/** A look at the clock that takes no longer is as good as any. */
const quickLookMs = 2;
const maxLooks = 4;

/** How far the clock of a share is ahead of the local one, and by how much that may be wrong, either way. */
export interface ClockLead {
  readonly aheadMs: number;
  readonly uncertaintyMs: number;
}

/** Now, by the clock of the file system that the share is on. */
export function shareClockMs(disk: Disk, root: string): Promise<number> {
  const tag = `${process.pid}-${Math.trunc(performance.now() * 1000)}`;
  return disk.run('clockOf', { directory: shareDirectory(root), tag });
}

/** Compares the two: a look is held up when everything else begins too, so the quickest of a few tells most. */
export async function compareClocks(disk: Disk, root: string, now: () => number): Promise<ClockLead> {
  let best: ClockLead = { aheadMs: 0, uncertaintyMs: Number.POSITIVE_INFINITY };
  for (let looks = 0; looks < maxLooks && best.uncertaintyMs > quickLookMs / 2; looks += 1) {
    const beforeMs = now();
    const shareMs = await shareClockMs(disk, root);
    const afterMs = now();
    const uncertaintyMs = (afterMs - beforeMs) / 2;
    if (uncertaintyMs < best.uncertaintyMs)
      best = { aheadMs: shareMs - (beforeMs + afterMs) / 2, uncertaintyMs };
  }
  return best;
}
