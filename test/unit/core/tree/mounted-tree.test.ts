/** When a job may start in a mounted tree, and which faults count for it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  createMountedTree,
  faultsOf,
  hostTree,
  type MountedTreeAction,
  type MountedTreeEvent,
  type NamedFault,
} from '../../../../src/core/tree/mounted-tree.ts';

function begin(generation: number) {
  const state = createMountedTree<NamedFault>(generation);
  const step = (event: MountedTreeEvent<NamedFault>, nowMs = 0): readonly MountedTreeAction[] =>
    hostTree(state, event, nowMs)[1];
  return { state, step };
}

test('a job starts when the kernel was told all that it was offered with', () => {
  const { step } = begin(3);
  assert.deepEqual(step({ type: 'offered', wait: 1, generation: 3, untilMs: 10 }), [
    { type: 'answer', wait: 1, isReached: true },
  ]);
  assert.deepEqual(step({ type: 'told', generation: 4 }), [{ type: 'apply' }]);
  assert.deepEqual(step({ type: 'told', generation: 6 }), [{ type: 'apply' }]);
  assert.deepEqual(step({ type: 'offered', wait: 2, generation: 5, untilMs: 10 }), [
    { type: 'wake', atMs: 10 },
  ]);
  assert.deepEqual(step({ type: 'applied' }), [{ type: 'wake', atMs: 10 }]);
  assert.deepEqual(step({ type: 'applied' }), [{ type: 'answer', wait: 2, isReached: true }]);
});

test('a job that waits for too long, or whose tree ends, does not start', () => {
  const { step } = begin(1);
  step({ type: 'offered', wait: 1, generation: 2, untilMs: 10 });
  step({ type: 'offered', wait: 2, generation: 2, untilMs: 20 });
  assert.deepEqual(step({ type: 'tick' }, 10), [
    { type: 'answer', wait: 1, isReached: false },
    { type: 'wake', atMs: 20 },
  ]);
  step({ type: 'entered', stay: 'a' });
  assert.deepEqual(step({ type: 'lost' }, 11), [
    { type: 'answer', wait: 2, isReached: false },
    { type: 'kill', stays: ['a'] },
  ]);
  assert.deepEqual(step({ type: 'offered', wait: 3, generation: 1, untilMs: 20 }, 11), [
    { type: 'answer', wait: 3, isReached: false },
  ]);
});

test('a fault counts for its job, and one of which nobody knows the job for all that are there', () => {
  const { state, step } = begin(1);
  step({ type: 'entered', stay: 'a' });
  step({ type: 'fault', fault: { job: 'a' } });
  step({ type: 'entered', stay: 'b' });
  step({ type: 'fault', fault: { job: '' } });
  assert.deepEqual([faultsOf(state, 'a').length, faultsOf(state, 'b').length], [2, 1]);
  step({ type: 'left', stay: 'a' });
  assert.deepEqual(faultsOf(state, 'a'), []);
});
