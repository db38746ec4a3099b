/**
 * What both sides of a served tree go by, one rule each. Peers always have those of {@link treeRules}; who plays the machines
 * of this folder may give others, to see what each is needed for.
 */
import type { SessionId, TreePath } from './contract.ts';
import type { HaveSet } from './have-set.ts';

export interface TreeRules {
  // Before a job starts.
  /** What is wanted while a barrier is under way is answered by that one, which may have looked before it was wanted. */
  readonly joinsBarrier: () => boolean;
  /** Who is told what has changed, of all that have the tree. */
  readonly toTell: (sessions: readonly SessionId[]) => readonly SessionId[];
  /** Directories whose changes raise no event are looked at again. */
  readonly toCompare: (eventless: readonly TreePath[]) => readonly TreePath[];
  /** The generation that a job is offered at: `drained` is what the barrier gave, `before` what was known already. */
  readonly offeredAt: (drained: number, before: number) => number;
  /** A job starts when the worker's kernel has been told as much as it was offered at. */
  readonly mayStart: (applied: number, offered: number) => boolean;

  // When a job has ended.
  /** Who was given a file's content may have read it. */
  readonly hadFile: (have: HaveSet, path: TreePath) => boolean;
  /** Who was given something below a directory that is another now may have read that. */
  readonly hadBelow: (have: HaveSet, path: TreePath) => boolean;
  /** What a worker had is known as long as its session is the one in which the job ran. */
  readonly isSameSession: (isThere: boolean) => boolean;
  /** What changed since a generation is known, if nothing after `knownSince` was lost or forgotten. */
  readonly isKnown: (since: number, knownSince: number) => boolean;
  /** What jobs of this peer write, whoever started them reads afterwards only. */
  readonly isExempt: (isOwn: boolean) => boolean;
  /** A fault of which nobody knows the job counts for all that were in the tree. */
  readonly isHeldAgainst: (fault: { readonly job: string }, job: string) => boolean;
  /** What is replaced or removed has changed since the job was offered, as the events of the file system say. */
  readonly wasRewritten: (changedAt: number, offered: number) => boolean;
  /** A directory above it came to be another one since the job was offered: what is there now the job has not seen. */
  readonly wasLedElsewhere: (namedAt: number, offered: number) => boolean;
  /** What is replaced has changed, by the time of its last change: after the barrier too. */
  readonly isYounger: (ctimeNs: bigint, startedNs: bigint) => boolean;

  // Which trees are kept.
  /** A tree in which jobs are is not ended to make room, or for want of use. */
  readonly isInUse: (jobs: number) => boolean;
}

export const treeRules: TreeRules = {
  joinsBarrier: () => false,
  toTell: (sessions) => sessions,
  toCompare: (eventless) => eventless,
  offeredAt: (drained) => drained,
  mayStart: (applied, offered) => applied >= offered,
  hadFile: (have, path) => have.hasFile(path),
  hadBelow: (have, path) => have.hasBelow(path),
  isSameSession: (isThere) => isThere,
  isKnown: (since, knownSince) => since >= knownSince,
  isExempt: (isOwn) => isOwn,
  isHeldAgainst: (fault, job) => fault.job === '' || fault.job === job,
  wasRewritten: (changedAt, offered) => changedAt > offered,
  wasLedElsewhere: (namedAt, offered) => namedAt > offered,
  isYounger: (ctimeNs, startedNs) => ctimeNs >= startedNs,
  isInUse: (jobs) => jobs > 0,
};
