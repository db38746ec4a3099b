/**
 * The proof of core/tree: random histories of changes, jobs and faults. BUILDSWARM_TREE_HISTORIES: how many are played;
 * BUILDSWARM_TREE_FROM: the first seed.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TreeRules } from '../../src/core/tree/rules.ts';
import { brokenRules } from './served-tree/broken-rules.ts';
import type { HelperRules } from './served-tree/helper-rules.ts';
import { allRules, playTrees } from './served-tree.ts';

const histories = Number(process.env['BUILDSWARM_TREE_HISTORIES'] ?? 300);
const firstSeed = Number(process.env['BUILDSWARM_TREE_FROM'] ?? 1);

test(`nothing stale is believed and everything ends, in ${histories} histories`, () => {
  const { wrong, counts } = playTrees(firstSeed, histories);
  assert.equal(wrong, undefined, `seed ${wrong?.seed}: ${wrong?.wrong.join('\n')}`);
  // Who believed nothing would be right as well.
  const believed = (counts.get('believed') ?? 0) / (counts.get('jobs') ?? 1);
  assert.ok(believed > 0.7, `too few are believed: ${JSON.stringify([...counts])}`);
});

/** A seed that shows that a rule is needed. */
const telling: Partial<Record<keyof TreeRules, number>> = {
  joinsBarrier: 460,
  toTell: 6,
  toCompare: 133,
  offeredAt: 25,
  mayStart: 11,
  hadFile: 115,
  hadBelow: 117,
  isKnown: 1065,
  isExempt: 72,
  wasRewritten: 415,
  wasLedElsewhere: 580,
  isYounger: 35,
  isInUse: 3,
};

for (const [rule, seed] of Object.entries(telling) as [keyof TreeRules, number][])
  test(`without the rule ${rule} a history goes wrong`, () => {
    const broken = { ...allRules, tree: { ...allRules.tree, [rule]: brokenRules[rule] } };
    const wrong = playTrees(seed, 1, broken).wrong ?? playTrees(1, 1_000, broken).wrong;
    assert.ok(wrong !== undefined, `nobody misses ${rule}`);
    if (wrong.seed !== seed) console.log(`${rule} is shown to be needed by seed ${wrong.seed} now`);
  });

/** The same of what is decided in C, and by the order of the shells. */
const tellingOfHelpers: Partial<Record<keyof HelperRules, number>> = {
  watchesFirst: 11099,
  watchesDirectories: 116,
  voidsAll: 268,
  answersWhenTold: 272,
  doubtsDirectory: 20,
  makesUnknown: 1,
  looksAfterDrain: 194,
  leavesOlder: 10478,
  comparesTold: 196,
  faultsReaders: 10,
  awaitsFaults: 4,
  mindsFaults: 4,
};

for (const [rule, seed] of Object.entries(tellingOfHelpers) as [keyof HelperRules, number][])
  test(`without ${rule} of the helpers a history goes wrong`, () => {
    const broken = { ...allRules, helpers: { ...allRules.helpers, [rule]: false } };
    const wrong = playTrees(seed, 1, broken).wrong ?? playTrees(1, 1_000, broken).wrong;
    assert.ok(wrong !== undefined, `nobody misses ${rule}`);
    if (wrong.seed !== seed) console.log(`${rule} is shown to be needed by seed ${wrong.seed} now`);
  });
