/** What the submitter's side of the views of one share holds, and what its parts have in common. */

import type { BoundedMap } from '../bounded-map.ts';
import type { ChangeClock } from './change-clock.ts';
import type { FactField } from './contract.ts';
import type { JobView } from './job-view.ts';
import type { PathEntry, PathTable } from './path-table.ts';
import type { ViewRules } from './rules.ts';
import type { KinSearch, SearchRecord } from './search-record.ts';
import { type Walk, walk } from './walk.ts';
import type { WorkerRecord } from './worker-record.ts';

export interface ViewLimits {
  /** Directories (and files of commands that go by `stat`) that are watched. @default 65536 */
  readonly maxWatched: number;
  /** Paths of any kind. @default 262144 */
  readonly maxEntries: number;
  /** Jobs of which is remembered what they read. @default 16384 */
  readonly maxObjects: number;
  /** Directories below the include directories of one job that are watched before anything is known of it. @default 512 */
  readonly maxPredicted: number;
}

export interface SubmitterState {
  readonly table: PathTable;
  readonly limits: ViewLimits;
  readonly remembered: BoundedMap<string, SearchRecord>;
  readonly kinSearches: BoundedMap<string, KinSearch>;
  readonly changeClock: ChangeClock;
  readonly rules: ViewRules;
  readonly workers: Map<string, WorkerRecord>;
  /** Fields of facts that are compared. */
  fields: readonly FactField[];
}

/** The end of a job whose paths were forgotten because there were too many. */
export const overflow = {
  kind: 'inline',
  because: 'more directories are searched than a view can hold',
} as const;

export function walkFor(
  state: SubmitterState,
  view: JobView,
  seeds: readonly PathEntry[],
  predictBelow: readonly PathEntry[],
): Walk {
  const { table, rules, limits } = state;
  return walk(table, {
    seeds,
    predictBelow,
    notPredicted: view.outputDirectories,
    maxPredicted: limits.maxPredicted,
    sinceMs: rules.looksCountFromMs(view.handedInMs),
    rules,
  });
}

/** Something there was seen to be stale elsewhere: all on the way to it is refreshed and bumped before it is told again. */
export function distrust({ table }: SubmitterState, path: string): void {
  if (!table.isInside(path)) return;
  for (let at: PathEntry | undefined = table.entry(path); at !== undefined; at = at.parent) {
    table.distrust(at);
    const real: PathEntry | undefined = at.real;
    if (real !== undefined && real !== at) table.distrust(real);
  }
}
