/** The rules of views, broken one at a time: each makes a view believe what is not proven, or compile again what was right. */
import type { ViewRules } from '../../../src/core/view/rules.ts';

const never = (): false => false;
const always = (): true => true;
const none = (): never[] => [];

/** Each rule, as it would be if the check were not made. */
export const brokenRules: { readonly [rule in keyof ViewRules]: ViewRules[rule] } = {
  looksCountFromMs: () => Number.NEGATIVE_INFINITY,
  wayTo: () => undefined,
  isFollowed: never,
  settlesAtOnce: always,
  holds: always,
  changesBelow: never,
  changesDirectory: never,
  isHeld: always,
  toRefresh: none,
  toCompare: none,
  needsBump: never,
  quietAfterMs: () => 0,
  tellsOfClock: never,
  goesByStat: never,
  kinshipsOf: none,
  believesUnreported: always,
  isCompared: never,
  mayBeYounger: never,
  needsProof: never,
  heldThroughout: always,
};
