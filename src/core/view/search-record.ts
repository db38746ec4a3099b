/** What earlier runs of a job searched and read, so that the next view of it is complete. */
import type { PathEntry } from './path-table.ts';

/** What a run searched and read. */
export interface SearchRecord {
  /** All entries of its report, in order. */
  readonly reported: readonly PathEntry[];
  /** Directories. */
  readonly watched: readonly PathEntry[];
  readonly files: readonly PathEntry[];
}
