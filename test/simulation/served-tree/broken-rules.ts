/** The rules of served trees, broken one at a time: each lets something stale be believed, or something right run again. */
import type { TreeRules } from '../../../src/core/tree/rules.ts';

const never = (): false => false;
const always = (): true => true;

/** Each rule, as it would be if the check were not made. */
export const brokenRules: TreeRules = {
  joinsBarrier: always,
  // Only who has the tree for the longest.
  toTell: (sessions) => sessions.slice(0, 1),
  toCompare: () => [],
  offeredAt: (_drained, before) => before,
  mayStart: always,
  hadFile: never,
  hadBelow: never,
  isSameSession: always,
  isKnown: always,
  isExempt: never,
  isHeldAgainst: (fault, job) => fault.job === job,
  wasRewritten: never,
  wasLedElsewhere: never,
  isYounger: never,
  isInUse: never,
};
