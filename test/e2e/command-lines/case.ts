/** What a row of the tables says. */
import type { Reason } from '../../../src/core/reason.ts';

/** Where the commands behind `$S` ran. */
export type Place =
  /** Each at last on another machine, and what came of it there counted. */
  | 'remote'
  /**
   * Each at last on the caller's machine, for this reason; `failed-remotely`: after it failed on another one, unless `why` says
   * that it ran for more than a second there, as any command may where much else runs.
   */
  | Reason
  /** Not said: no job at all, or some here and some there. */
  | 'anywhere';

/**
 * A script for bash, in a directory with the files of ./sources.ts. `$S` stands for `swarmrun` or for nothing: how it ends, what it
 * says and what it leaves behind must be the same.
 */
export interface CommandLine {
  readonly script: string;
  readonly place: Place;
}

/** One row for each script. */
export function rows(place: Place, ...scripts: readonly string[]): CommandLine[] {
  return scripts.map((script) => ({ script, place }));
}
