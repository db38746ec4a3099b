/** The first seeds of the simulations, as many as units have time for; the stage `simulation` plays the rest. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { roundsOf } from '../rig/effort.ts';
import { runFaults } from '../simulation/faults.ts';
import { playHistories } from '../simulation/stale-cache.ts';

test('runs full of faults break no rule', async () => {
  const runs = roundsOf({ brief: 3, full: 30 });
  const { failures, jobs, faults } = await runFaults(1, runs);
  assert.deepEqual(failures, [], 'replay one with scripts/simulate --seed N');
  assert.ok(jobs > 33 * runs && faults > 3 * runs);
});

test('histories with stale caches end, and no stale read is believed', () => {
  const { wrong, counts } = playHistories(1, roundsOf({ brief: 10, full: 100 }));
  assert.equal(wrong, undefined, `scripts/simulate --history ${wrong?.seed}: ${wrong?.wrong.join('\n')}`);
  assert.ok((counts.get('believed') ?? 0) > 0.75 * (counts.get('jobs') ?? 0));
});
