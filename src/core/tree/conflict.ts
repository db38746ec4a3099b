/**
 * Whether what a job would replace or remove here is as it was when the job began, by the time of its last change, which no
 * program can set. What changed since is a conflict: the job has not seen it. (Times of changes are coarse: what changed
 * in the same tick of the clock is found by its events, see `findRewritten` in ./shown-tree.ts.)
 */
import { type TreeRules, treeRules } from './rules.ts';

/** What is there now. */
export interface ThereNow {
  readonly ctimeNs: bigint;
  readonly nlink: bigint;
  readonly uid: bigint;
  readonly isDirectory: boolean;
}

const changed = 'changed here while the command ran elsewhere';
const names = 'has other names here, which all may have got what was written to it';
const others = 'belongs to another user here';

/** Ends a sentence that begins with the path: see `isLedElsewhere` in ./shown-tree.ts. */
export const isAnother =
  'is in a directory that came here in the place of another while the command ran elsewhere';

/** Ends a sentence that begins with the path. */
export const isGone = 'is gone here since the command began elsewhere';

/**
 * What is replaced or removed. An overlay copies one name of a file that has several, and does not tell whether that was
 * written to, moved away or made anew: here, all of its names would have got what was written.
 *
 * @param startedNs - when the job was handed in or later, before it could see anything.
 * @returns why it may not be done, the end of a sentence that begins with the path; undefined: it may.
 */
export function whyNotReplaced(
  there: ThereNow,
  startedNs: bigint,
  rules: Pick<TreeRules, 'isYounger'> = treeRules,
): string | undefined {
  if (rules.isYounger(there.ctimeNs, startedNs)) return changed;
  return there.nlink > 1n && !there.isDirectory ? names : undefined;
}

/** What was there before is changed: here, a write leaves a file its owner; what is renamed over it is `ownUid`'s. */
export function whyNotWritten(
  there: ThereNow,
  ownUid: bigint,
  startedNs: bigint,
  rules: Pick<TreeRules, 'isYounger'> = treeRules,
): string | undefined {
  return whyNotReplaced(there, startedNs, rules) ?? (there.uid === ownUid ? undefined : others);
}
