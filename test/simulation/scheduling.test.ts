import assert from 'node:assert/strict';
import { test } from 'node:test';
import { goals, measure } from './builds.ts';
import { replayFaults, runFaults } from './faults.ts';
import { playIdleSlots } from './idle-slots.ts';
import { type Invariant, invariants, type Tampering } from './invariants.ts';

test('hundreds of runs full of faults break no rule', async () => {
  const { failures, jobs, faults } = await runFaults(1, 300);
  assert.deepEqual(failures, [], 'replay one with scripts/simulate --seed N');
  assert.ok(jobs > 10_000 && faults > 1_000);
});

test('no job runs at home or waits while a worker that fits has had free slots for a second', async () => {
  for (let seed = 1; seed <= 50; seed += 1)
    assert.equal((await playIdleSlots(seed)).failure, undefined, `scripts/simulate --burst ${seed}`);
});

/** How many runs may be needed until one shows that something is broken. */
const runsUntilSeen = 300;

for (const [name, invariant] of Object.entries(invariants) as [string, Invariant][]) {
  const { says, playedBy, brokenBy } = invariant;
  if (brokenBy === undefined) continue;
  test(`${name} is seen to be broken: ${says}`, async () => {
    const failures: string[] = [];
    for (let seed = 1; seed <= runsUntilSeen; seed += 1) {
      const failure = await playBroken(playedBy, seed, brokenBy);
      if (failure?.startsWith(`${name}:`) === true) return;
      if (failure !== undefined) failures.push(failure);
    }
    assert.fail(`nobody misses ${name}; instead: ${[...new Set(failures)].slice(0, 5).join('; ')}`);
  });
}

async function playBroken(playedBy: string, seed: number, tampering: Tampering): Promise<string | undefined> {
  return playedBy === 'idle-slots'
    ? (await playIdleSlots(seed, false, tampering)).failure
    : (await runFaults(seed, 1, { tampering })).failures[0]?.failure;
}

test('the same seed gives the same course of events', async () => {
  for (const seed of [3, 42]) {
    const first = await replayFaults(seed);
    const again = await replayFaults(seed);
    assert.equal(again.hash, first.hash);
    assert.deepEqual(again.events, first.events);
  }
  assert.notEqual((await replayFaults(3)).hash, (await replayFaults(4)).hash);
});

test('the clock stands until all that follows from promises is done: more turns change nothing', async () => {
  for (const seed of [3, 42, 7])
    assert.equal((await replayFaults(seed)).hash, (await replayFaults(seed, { turns: 64 })).hash);
});

for (const { course, ratio } of goals(100, 10)) {
  test(`${course.name}: makespan at most ${ratio.toFixed(3)} of the ideal`, async () => {
    const { makespanMs, idealMs } = await measure(course);
    assert.ok(makespanMs / idealMs <= ratio, (makespanMs / idealMs).toFixed(3));
  });
}
