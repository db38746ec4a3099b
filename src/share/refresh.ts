/**
 * Refreshing directories: the cure for every stale name that was measured on NFS. Each is opened and closed, parents
 * before children (a swapped directory is seen through its parent), those of one depth at the same time.
 */

import type { Fact } from '../core/fact.ts';
import { getOrMake } from '../core/get-or-make.ts';
import { type Disk, defaultDiskTimeoutMs } from './disk.ts';
import { intoBatches } from './facts.ts';

/** Below this many directories a second thread costs more than the round trips it saves. */
const smallestBatch = 3;

function depthOf(path: string): number {
  let depth = 0;
  for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) depth++;
  return depth;
}

/**
 * Refreshes `directories` (absolute, without a trailing slash). One that is missing is fine; one that cannot be
 * opened has kind `other` in the answer. The parents of those given are not refreshed unless given too.
 *
 * @returns the fresh fact of each directory.
 * @throws DiskError `HUNG` if the file system does not answer in time.
 */
export async function refreshDirectories(
  disk: Disk,
  directories: Iterable<string>,
  options: { readonly timeoutMs?: number } = {},
): Promise<Map<string, Fact>> {
  const deadlineMs = performance.now() + (options.timeoutMs ?? defaultDiskTimeoutMs);
  const byDepth = new Map<number, string[]>();
  for (const directory of new Set(directories)) {
    getOrMake(byDepth, depthOf(directory), () => []).push(directory);
  }
  const facts = new Map<string, Fact>();
  for (const depth of [...byDepth.keys()].toSorted((a, b) => a - b)) {
    const batches = intoBatches(byDepth.get(depth) ?? [], disk.width, smallestBatch);
    const leftMs = Math.max(1, deadlineMs - performance.now());
    const seen = await Promise.all(batches.map((batch) => disk.run('refreshAll', batch, leftMs)));
    batches.forEach((batch, b) => {
      batch.forEach((directory, d) => {
        const fact = seen[b]?.[d];
        if (fact !== undefined) facts.set(directory, fact);
      });
    });
  }
  return facts;
}
