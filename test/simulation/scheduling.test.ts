import assert from 'node:assert/strict';
import { test } from 'node:test';
import { goals, measure } from './builds.ts';
import { replayFaults, runFaults } from './faults.ts';
import { playIdleSlots } from './idle-slots.ts';
import { type Invariant, invariants, type Tampering } from './invariants.ts';

test('hundreds of runs full of faults break no rule', () => {
  const { failures, jobs, faults } = runFaults(1, 300);
  assert.deepEqual(failures, [], 'replay one with scripts/simulate --seed N');
  assert.ok(jobs > 10_000 && faults > 1_000);
});

test('no job runs at home or waits while a worker that fits has had free slots for a second', () => {
  for (let seed = 1; seed <= 150; seed += 1)
    assert.equal(playIdleSlots(seed).failure, undefined, `scripts/simulate --burst ${seed}`);
});

/** How many runs may be needed until one shows that something is broken. */
const runsUntilSeen = 300;

for (const [name, invariant] of Object.entries(invariants) as [string, Invariant][]) {
  const { says, playedBy, brokenBy } = invariant;
  if (brokenBy === undefined) continue;
  test(`${name} is seen to be broken: ${says}`, () => {
    const failures: string[] = [];
    for (let seed = 1; seed <= runsUntilSeen; seed += 1) {
      const failure = playBroken(playedBy, seed, brokenBy);
      if (failure?.startsWith(`${name}:`) === true) return;
      if (failure !== undefined) failures.push(failure);
    }
    assert.fail(`nobody misses ${name}; instead: ${[...new Set(failures)].slice(0, 5).join('; ')}`);
  });
}

function playBroken(playedBy: string, seed: number, tampering: Tampering): string | undefined {
  return playedBy === 'idle-slots'
    ? playIdleSlots(seed, false, tampering).failure
    : runFaults(seed, 1, { tampering }).failures[0]?.failure;
}

test('the same seed gives the same course of events', () => {
  for (const seed of [3, 42]) {
    const first = replayFaults(seed);
    const again = replayFaults(seed);
    assert.equal(again.hash, first.hash);
    assert.deepEqual(again.events, first.events);
  }
  assert.notEqual(replayFaults(3).hash, replayFaults(4).hash);
});

for (const { course, ratio } of goals(100, 10)) {
  test(`${course.name}: makespan at most ${ratio.toFixed(3)} of the ideal`, () => {
    const { makespanMs, idealMs } = measure(course);
    assert.ok(makespanMs / idealMs <= ratio, (makespanMs / idealMs).toFixed(3));
  });
}
