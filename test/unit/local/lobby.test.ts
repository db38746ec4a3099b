import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Lobby } from '../../../src/local/lobby.ts';

function rig() {
  let nowMs = 0;
  const lobby = new Lobby<number>(() => nowMs);
  const ended: number[] = [];
  return {
    lobby,
    ended,
    enter: (from: number, to: number) => {
      for (let n = from; n < to; n += 1) lobby.enter(n, () => ended.push(n));
    },
    pass: (ms: number) => {
      nowMs += ms;
    },
  };
}

test('a burst of wrappers is let in, whatever their number; silent connections make room for new ones', () => {
  const { enter, pass, ended } = rig();
  enter(0, 1_000);
  assert.deepEqual(ended, []);
  pass(1_001);
  enter(1_000, 1_003);
  assert.deepEqual(ended, [0, 1, 2]);
  enter(1_003, 9_000);
  assert.ok(9_000 - ended.length <= 4_096);
});

test('bytes that wait are bounded, and the ones who sent last are the last to go', () => {
  const { lobby, enter, ended } = rig();
  enter(0, 4);
  for (const n of [0, 1, 2, 3]) lobby.add(n, 2 ** 21);
  lobby.add(0, 1);
  assert.deepEqual(ended, []);
  enter(4, 5);
  lobby.add(4, 2 ** 23);
  assert.deepEqual(ended, [1]);
  lobby.leave(2);
  lobby.add(3, 2 ** 24);
  assert.deepEqual(ended, [1, 0]);
  lobby.add(1, 2 ** 30);
  assert.deepEqual(ended, [1, 0], 'what has left counts no more');
});
