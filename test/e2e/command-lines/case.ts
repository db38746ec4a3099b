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
  /** Not run in this way: the script waits for what a command writes before it ends. */
  | 'waits'
  /** Not run in this way: the command needs the file that its output is redirected to, and has a pipe. */
  | 'piped'
  /** Not said: no job at all, or some here and some there. */
  | 'anywhere';

/** Whose files a job works in on another machine: those of a share that both see, or the caller's, which it is shown. */
export type Way = 'direct' | 'served';

/**
 * A script for bash, in a directory with the files of ./sources.ts. `$S` stands for `swarmrun` or for nothing: how it ends, what it
 * says and what it leaves behind must be the same.
 */
export interface CommandLine {
  readonly script: string;
  readonly place: Readonly<Record<Way, Place>>;
}

/** One row for each script. @param place - the same in both ways where it is one. */
export function rows(place: Place | CommandLine['place'], ...scripts: readonly string[]): CommandLine[] {
  const places = typeof place === 'string' ? { direct: place, served: place } : place;
  return scripts.map((script) => ({ script, place: places }));
}
