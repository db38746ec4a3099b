/**
 * What the submitter's side of a view takes for proof, one rule each. A peer always has those of {@link viewRules};
 * tests replace one at a time, and show thereby that it is needed.
 */
import type { Fact } from '../fact.ts';
import type { NamedFact, ViewJob, WorkerMount } from './contract.ts';
import { filesOf, type JobView, pathsOf } from './job-view.ts';
import type { PathEntry } from './path-table.ts';
import type { ReadItem, ToldEntry } from './worker-record.ts';

/** On top of how long attributes are cached and clocks differ: slow packets, slow servers. */
export const quietMarginMs = 5_000;

export interface ViewRules {
  // Looks at this machine's own disk.
  /** Looks that began before this time say nothing of a job handed in at `handedInMs`. */
  readonly looksCountFromMs: (handedInMs: number) => number;
  /** The directory that must be known, and be what its name says, before a path in it means anything. */
  readonly wayTo: (entry: PathEntry) => PathEntry | undefined;
  /** A path leads on to where the link in its place leads. */
  readonly isFollowed: (fact: Fact) => boolean;
  /** A fact counts as settled at its first look: `isOld` says that its last change is old. */
  readonly settlesAtOnce: (isOld: boolean) => boolean;

  // What this machine's kernel tells of its own disk.
  /** What was seen with a watch holds until a change of it is told: `isTold`. */
  readonly holds: (isTold: boolean) => boolean;
  /** A name that leads elsewhere changes all paths through it. */
  readonly changesBelow: () => boolean;
  /** A name that comes or goes changes its directory. */
  readonly changesDirectory: () => boolean;
  /** A look that was overtaken by changes that were told, `isOvertaken`, may have been before them. */
  readonly isHeld: (isOvertaken: boolean) => boolean;

  // What a worker must do before it runs the job.
  readonly toRefresh: (told: readonly ToldEntry[]) => string[];
  readonly toCompare: (view: JobView, told: readonly ToldEntry[]) => NamedFact[];
  /** The mount sees a directory's change by its times only: they must move on before it is told. */
  readonly needsBump: (mount: WorkerMount) => boolean;
  /** What changed longer than this before the job is in no cache any more. */
  readonly quietAfterMs: (mount: WorkerMount) => number;
  /** What was seen to change, at a time long before the look before: that tells that the server's clock was set back. */
  readonly tellsOfClock: (isBefore: boolean) => boolean;
  /** Files are judged by `stat` alone, so those known to be read are refreshed too. */
  readonly goesByStat: (job: ViewJob) => boolean;

  /** Jobs of a kinship search alike: what one has searched is refreshed for the next, which would run twice else. */
  readonly kinshipsOf: (job: ViewJob) => readonly string[];

  // What an attempt's result must show.
  /** A result that comes without a report of what was read is believed all the same. */
  readonly believesUnreported: (job: ViewJob, succeeded: boolean) => boolean;
  /** What was read must be what this machine has. */
  readonly isCompared: (item: ReadItem) => boolean;
  /** It may have changed since the job was handed in: `isOlder` says that its last change is from before that. */
  readonly mayBeYounger: (isOlder: boolean) => boolean;
  /** All that was searched must have been refreshed. */
  readonly needsProof: (entry: PathEntry) => boolean;
  /** A confirmation made at `confirmed` holds for the whole run of an attempt that was offered at `offered`. */
  readonly heldThroughout: (confirmed: number, offered: number) => boolean;
}

export const viewRules: ViewRules = {
  looksCountFromMs: (handedInMs) => handedInMs,
  wayTo: (entry) => entry.parent,
  isFollowed: (fact) => fact.kind === 'link',
  settlesAtOnce: (isOld) => isOld,
  holds: (isTold) => !isTold,
  changesBelow: () => true,
  changesDirectory: () => true,
  isHeld: (isOvertaken) => !isOvertaken,
  toRefresh: (told) => pathsOf(told, 'directory'),
  toCompare: filesOf,
  needsBump: (mount) => mount.timesOnly,
  quietAfterMs: (mount) => mount.cacheMaxMs + quietMarginMs,
  tellsOfClock: (isBefore) => isBefore,
  goesByStat: (job) => job.byStat,
  kinshipsOf: (job) => job.kinships,
  believesUnreported: (job, succeeded) => succeeded && !job.reports,
  isCompared: (item) => item.entry !== undefined,
  mayBeYounger: (isOlder) => !isOlder,
  needsProof: () => true,
  heldThroughout: (confirmed, offered) => confirmed < offered,
};
