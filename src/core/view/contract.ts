/**
 * What the two sides of a view say to each other, and what they ask of the code around them. A view is proven when
 * everything that a job read was, when it read it, what the submitter's machine had at or after the hand-in.
 * Paths are byte strings, absolute, without `.`, `..` or a slash at the end. All times are ms of one local clock.
 */
import type { Fact } from '../fact.ts';

/** A path and what is there; a link at its end is not followed, unless said otherwise. */
export interface NamedFact {
  readonly path: string;
  readonly fact: Fact;
}

/** With an offer, submitter to worker: what to do before the command starts. */
export interface ViewOffer {
  /** Directories to be opened and closed *after* this message came, in this order (parents come first). */
  readonly refresh: readonly string[];
  /** Then these must be seen exactly so, by open and fstat (of what is no regular file: lstat). Real paths: no link is left in them. */
  readonly files: readonly NamedFact[];
  /** Which fields of facts agree between the machines on this share, see {@link FactField}. */
  readonly fields: readonly FactField[];
  /** The submitter has the entries of this worker's reports below this number; all others must be added. */
  readonly knownReports: number;
}

/** The worker's answer once it has refreshed and compared. */
export type ViewAnswer =
  | { readonly kind: 'ready' }
  /** Sent as the refusal `stale-view`: these are not seen as offered even after refreshing and waiting. */
  | { readonly kind: 'stale'; readonly files: readonly NamedFact[] };

/**
 * A file of the share that a job looked at: its path as it was named, made absolute with the cwd, `..` left in. Of kind
 * `directory`: names were looked up in it, found or not; its other fields tell nothing.
 */
export interface ReadEntry extends NamedFact {
  /** Numbered from 0 for each submitter and share in the life of the worker; the same path and fact keep their number. */
  readonly number: number;
}

/**
 * After the run, worker to submitter: what the job's trace names, as this worker sees it now by `stat` (links followed,
 * cached attributes are right: they are those of the command's own open, or newer).
 */
export interface ReadReport {
  /** Numbers of all entries that were read, ascending. */
  readonly read: readonly number[];
  /** Those of them that the submitter may not have yet. */
  readonly added: readonly ReadEntry[];
}

/** A field of a fact that can be compared between machines. `kind` always is. */
export type FactField = 'inode' | 'size' | 'mtime' | 'ctime';
export const factFields = ['inode', 'size', 'mtime', 'ctime'] as const satisfies readonly FactField[];

/** What the view needs to know of a job. Paths may be relative to `cwd`. */
export interface ViewJob {
  readonly cwd: string;
  /** Files read by name. They must be there on both machines with the same facts. */
  readonly inputs: readonly string[];
  /** Programs that it runs, as `inputs`; only these may be links to what belongs to the system, which is compared otherwise. */
  readonly programs?: readonly string[];
  /** In search order. */
  readonly includeDirs: readonly string[];
  readonly otherDirs: readonly string[];
  /** Outputs that are written to hidden names beside these, and renamed by the submitter. */
  readonly renamedOutputs: readonly string[];
  /** Outputs that the command writes itself. */
  readonly inPlaceOutputs: readonly string[];
  /** What is learnt from one run is remembered under this key (the object's path and the command's name will do). */
  readonly key: string;
  /** Jobs that have one of these in common search much the same: what one has searched, the others are expected to. */
  readonly kinships: readonly string[];
  /**
   * The command judges files by `stat` without opening them (ccache, make, scripts): then files that are known to be
   * read must be refreshed as well, not only directories.
   */
  readonly byStat: boolean;
  /** It will be told what it read. If not (opaque commands), a success is believed without, a failure never. */
  readonly reports: boolean;
}

/**
 * What this machine's kernel told of changes. What was looked at with a watch, and has not been told of since, is what it was at
 * that look.
 */
export interface ToldChanges {
  /** Rises with what is told: a look of a lower generation may have been before these changes. */
  readonly generation: number;
  /** `name`: what that name leads to; `node`: what is there, content or attributes. */
  readonly changes: readonly { readonly kind: 'name' | 'node'; readonly path: string }[];
  /** Changes were lost: nothing is known to hold. */
  readonly everything: boolean;
}

/** Paths that were looked at with a watch. */
export interface HeldLooks {
  readonly generation: number;
  readonly paths: ReadonlySet<string>;
}

/** How a worker's machine mounts the share. */
export interface WorkerMount {
  /** Longest time for which its kernel believes attributes: acdirmax or acregmax, the greater; 60 s by default. */
  readonly cacheMaxMs: number;
  /** It judges directories by their times alone (NFSv3): what changes twice in a tick may stay hidden for ever. */
  readonly timesOnly: boolean;
}

/** What the submitter's side needs next from the disk of its own machine. Answer with `observe…`, then ask again. */
export interface LookStep {
  readonly kind: 'look';
  /** `lstat` each, in this order. */
  readonly paths: readonly string[];
  /** `readlink` each. */
  readonly links: readonly string[];
  /** List the sub-directories (not links) of each. */
  readonly lists: readonly string[];
}

/** What to do before a worker can be offered a job. */
export type PrepareStep<Attempt> =
  | LookStep
  /** Change the ctime of each (chmod to its own mode; the mtime stays), `lstat` it, answer with `bumped`, ask again. */
  | { readonly kind: 'bump'; readonly directories: readonly string[] }
  /** Ask again at this time. */
  | { readonly kind: 'wait'; readonly untilMs: number }
  | { readonly kind: 'offer'; readonly offer: ViewOffer; readonly attempt: Attempt }
  /** No view of this job can be proven. */
  | { readonly kind: 'inline'; readonly because: string };

/** May the result of an attempt be the job's? */
export type ViewVerdict =
  | LookStep
  /** Ask again at this time. */
  | { readonly kind: 'wait'; readonly untilMs: number }
  | { readonly kind: 'believed' }
  /** Throw the result away and try again; what was learnt makes the next view complete. */
  | { readonly kind: 'again'; readonly reason: 'view-grew' | 'stale-view'; readonly because: string }
  /** The result cannot be proven by trying again: run it on this machine. */
  | { readonly kind: 'inline'; readonly because: string };
