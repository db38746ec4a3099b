/** What earlier runs of a job searched and read, so that the next view of it is complete. */
import type { PathEntry } from './path-table.ts';

/** What a run searched and read. */
export interface Searched {
  readonly includeDirs: readonly string[];
  /** Directories outside the share from which it read. */
  readonly outsideDirs: readonly string[];
  readonly watched: readonly PathEntry[];
  readonly files: readonly PathEntry[];
}
