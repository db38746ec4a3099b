/** The first seeds of the simulations, as many as units have time for; the stage `simulation` plays the rest. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runFaults } from '../simulation/faults.ts';
import { playHistories } from '../simulation/stale-cache.ts';

test('runs full of faults break no rule', async () => {
  const { failures, jobs, faults } = await runFaults(1, 30);
  assert.deepEqual(failures, [], 'replay one with scripts/simulate --seed N');
  assert.ok(jobs > 1_000 && faults > 100);
});

test('histories with stale caches end, and no stale read is believed', () => {
  const { wrong, counts } = playHistories(1, 100);
  assert.equal(wrong, undefined, `scripts/simulate --history ${wrong?.seed}: ${wrong?.wrong.join('\n')}`);
  assert.ok((counts.get('believed') ?? 0) > 0.75 * (counts.get('jobs') ?? 0));
});
