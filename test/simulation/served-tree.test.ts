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
  joinsBarrier: 86,
  toTell: 6,
  toCompare: 14,
  offeredAt: 18,
  mayStart: 28,
  hadFile: 232,
  hadBelow: 69,
  isKnown: 164,
  isExempt: 132,
  wasRewritten: 313,
  wasLedElsewhere: 7984,
  isYounger: 127,
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
  watchesFirst: 4999,
  watchesDirectories: 40,
  voidsAll: 151,
  answersWhenTold: 27,
  doubtsDirectory: 27,
  makesUnknown: 6,
  looksAfterDrain: 22131,
  leavesOlder: 42917,
  comparesTold: 441,
  faultsReaders: 8,
  awaitsFaults: 8,
  mindsFaults: 8,
  countsPushed: 10987,
};

for (const [rule, seed] of Object.entries(tellingOfHelpers) as [keyof HelperRules, number][])
  test(`without ${rule} of the helpers a history goes wrong`, () => {
    const broken = { ...allRules, helpers: { ...allRules.helpers, [rule]: false } };
    const wrong = playTrees(seed, 1, broken).wrong ?? playTrees(1, 1_000, broken).wrong;
    assert.ok(wrong !== undefined, `nobody misses ${rule}`);
    if (wrong.seed !== seed) console.log(`${rule} is shown to be needed by seed ${wrong.seed} now`);
  });
