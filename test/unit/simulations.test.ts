/**
 * The first histories of the simulation of stale caches, as many as units have time for; the stage `simulation` plays the
 * rest. Runs full of faults are played beside the tables of states (core/schedule/states.test.ts).
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { roundsOf } from '../rig/effort.ts';
import { playHistories } from '../simulation/stale-cache.ts';

test('histories with stale caches end, and no stale read is believed', () => {
  const { wrong, counts } = playHistories(1, roundsOf({ brief: 5, full: 100 }));
  assert.equal(wrong, undefined, `scripts/simulate --history ${wrong?.seed}: ${wrong?.wrong.join('\n')}`);
  assert.ok((counts.get('believed') ?? 0) > 0.75 * (counts.get('jobs') ?? 0));
});
