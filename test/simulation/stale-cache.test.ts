/**
 * The proof of core/view: random histories of edits and builds with stale caches. `scripts/simulate --histories 100000`
 * plays more of them.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ViewRules, viewRules } from '../../src/core/view/rules.ts';
import { brokenRules } from './stale-cache/broken-rules.ts';
import { History, playHistories } from './stale-cache.ts';

test('no stale read is believed and everything ends, in 1500 histories', () => {
  const { wrong, counts } = playHistories(1, 1_500);
  assert.equal(wrong, undefined, `scripts/simulate --history ${wrong?.seed}: ${wrong?.wrong.join('\n')}`);
  // Views that believed nothing would be right as well.
  const jobs = counts.get('jobs') ?? 0;
  assert.ok((counts.get('believed') ?? 0) > 0.75 * jobs, `too few results believed: ${summary(counts)}`);
  assert.ok((counts.get('attempts') ?? 0) < 1.6 * jobs, `too many attempts: ${summary(counts)}`);
  for (const what of ['bumped', 'again: view-grew', 'again: stale-view', 'again: refused stale-view'])
    assert.ok((counts.get(what) ?? 0) > 0, `${what} never happened`);
});

/** The first seed from 1 on that shows that a rule is needed, so that the test need not search. */
const telling: Record<Exclude<keyof ViewRules, 'kinshipsOf'>, number> = {
  looksCountFromMs: 9,
  toRefresh: 11,
  settlesAtOnce: 2747,
  wayTo: 2466,
  isFollowed: 389,
  toCompare: 2954,
  isCompared: 96,
  mayBeYounger: 4173,
  needsProof: 7,
  quietAfterMs: 7,
  needsBump: 563,
  believesUnreported: 548,
  tellsOfClock: 32,
  goesByStat: 1102,
  heldThroughout: 12_746,
  holds: 1045,
  changesBelow: 73_269,
  changesDirectory: 51,
  isHeld: 235_403,
};

/** In this history nothing is run again since a directory was searched before it was refreshed, unless the rule is broken. */
const kinless = 794;

for (const rule of Object.keys(telling) as (keyof typeof telling)[])
  test(`with the rule ${rule} broken a stale read is believed`, () => {
    const rules = { ...viewRules, [rule]: brokenRules[rule] };
    const known = playHistories(telling[rule], 1, rules).wrong;
    const wrong = known ?? playHistories(1, 10_000, rules).wrong;
    assert.ok(wrong !== undefined, `nobody misses ${rule}`);
    assert.match(wrong.wrong[0] ?? '', /was seen as/);
    if (known === undefined) console.log(`${rule} is shown to be needed by seed ${wrong.seed} now`);
  });

test('with the rule kinshipsOf broken compiles whose like has run are run again', () => {
  const broken = { ...viewRules, kinshipsOf: brokenRules.kinshipsOf };
  const again = 'again: view-grew';
  const isTelling = (seed: number): boolean => {
    const [kin, alone] = [viewRules, broken].map((rules) => new History(seed, rules).play().counts);
    const jobs = [kin, alone].map((counts) => counts?.get('jobs') ?? 0);
    return jobs[0] === jobs[1] && !kin?.has(again) && alone?.has(again) === true;
  };
  const first = Array.from({ length: 1_000 }, (_, at) => (at === 0 ? kinless : at)).find(isTelling);
  assert.ok(first !== undefined, 'nobody misses kinshipsOf');
  if (first !== kinless) console.log(`kinshipsOf is shown to be needed by seed ${first} now`);
});

function summary(counts: ReadonlyMap<string, number>): string {
  return JSON.stringify(Object.fromEntries(counts));
}
