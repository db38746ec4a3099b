/** What earlier runs of a job searched and read, so that the next view of it is complete. */
import type { PathEntry } from './path-table.ts';

/** What a run searched and read. */
export interface SearchRecord {
  /** All entries of its report, in order. */
  readonly reported: readonly PathEntry[];
  /** Directories. */
  readonly watched: readonly PathEntry[];
  readonly files: readonly PathEntry[];
  /** The table's counter when it was learnt: an input that changed later may search elsewhere. */
  readonly learntAt: number;
}

/** What jobs of one kinship have searched, the newest last; bounded, since each job of it is told of all. */
export type KinSearch = Set<PathEntry>;

/** Directories that are remembered of one kinship. */
const maxKinDirectories = 512;

export function learnKinSearch(known: KinSearch, { watched }: SearchRecord): void {
  for (const entry of watched) {
    known.delete(entry);
    known.add(entry);
  }
  for (const entry of known) {
    if (known.size <= maxKinDirectories) return;
    known.delete(entry);
  }
}
