/** Facts of many paths at once, as this machine sees them. What they mean is core's to decide. */
import type { Fact } from '../core/fact.ts';
import { type Disk, defaultDiskTimeoutMs } from './disk.ts';

/** Plain looks are answered from caches: fewer, larger batches. */
const batchOf = { cached: 400, fresh: 8 };

/**
 * Cuts `items` into runs of at least `smallest`, at most one a thread, so that calls that wait for a server wait together.
 */
export function intoBatches<Item>(items: readonly Item[], width: number, smallest: number): Item[][] {
  const count = Math.max(1, Math.min(width, Math.ceil(items.length / smallest)));
  const size = Math.ceil(items.length / count);
  const batches: Item[][] = [];
  for (let start = 0; start < items.length; start += size) batches.push(items.slice(start, start + size));
  return batches;
}

export interface ReadFactsOptions {
  /** Ask the server for each file (open and close) instead of believing cached attributes. @default false */
  readonly fresh?: boolean;
  readonly timeoutMs?: number;
}

/**
 * The facts of `paths`, in their order; what is not there is `absent`.
 *
 * @throws DiskError `HUNG` if the file system does not answer in time, or an errno's name (`EIO`, `ESTALE` …).
 */
export async function readFacts(
  disk: Disk,
  paths: readonly string[],
  options: ReadFactsOptions = {},
): Promise<Fact[]> {
  if (paths.length === 0) return [];
  const { fresh = false, timeoutMs = defaultDiskTimeoutMs } = options;
  const batches = intoBatches(paths, disk.width, fresh ? batchOf.fresh : batchOf.cached);
  const facts = await Promise.all(
    batches.map((batch) => disk.run('lookAll', { paths: batch, fresh }, timeoutMs)),
  );
  return facts.length === 1 ? (facts[0] ?? []) : facts.flat();
}
