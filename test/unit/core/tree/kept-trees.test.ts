/** Which served trees are kept, and which end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  createKeptTrees,
  type KeptTreesAction,
  type KeptTreesEvent,
  keepTrees,
} from '../../../../src/core/tree/kept-trees.ts';

function begin() {
  const state = createKeptTrees({ most: 2, idleMs: 100 });
  return (event: KeptTreesEvent, nowMs: number): readonly KeptTreesAction[] =>
    keepTrees(state, event, nowMs)[1];
}

test('a tree ends when no job was in it for a while, and not before its last job has', () => {
  const step = begin();
  assert.deepEqual(step({ type: 'entered', tree: 'a' }, 0), []);
  assert.deepEqual(step({ type: 'tick' }, 1_000), []);
  assert.deepEqual(step({ type: 'left', tree: 'a' }, 1_000), [{ type: 'wake', atMs: 1_100 }]);
  assert.deepEqual(step({ type: 'tick' }, 1_100), [{ type: 'end', tree: 'a' }]);
  // What is said of a tree that has ended means nothing.
  assert.deepEqual(step({ type: 'left', tree: 'a' }, 1_101), []);
});

test('of too many trees the one that was used longest ago ends, if no job is in it', () => {
  const step = begin();
  for (const tree of ['a', 'b']) step({ type: 'entered', tree }, 0);
  step({ type: 'left', tree: 'b' }, 1);
  assert.deepEqual(step({ type: 'entered', tree: 'c' }, 2), [{ type: 'end', tree: 'b' }]);
  assert.deepEqual(step({ type: 'entered', tree: 'd' }, 3), []);
  assert.deepEqual(step({ type: 'left', tree: 'a' }, 4), [{ type: 'end', tree: 'a' }]);
  assert.deepEqual(step({ type: 'gone', tree: 'c' }, 5), []);
});
