import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Dismissed } from '../../../src/local/dismissed.ts';

function rig() {
  let nowMs = 0;
  const ended: number[] = [];
  const dismissed = new Dismissed<number>(
    () => nowMs,
    (connection) => ended.push(connection),
  );
  return {
    dismissed,
    ended,
    pass: (ms: number) => {
      nowMs += ms;
      dismissed.sweep();
    },
  };
}

test('connections that are dismissed end fifteen seconds later, those that have left do not', () => {
  const { dismissed, ended, pass } = rig();
  for (const connection of [1, 2]) dismissed.add(connection);
  pass(5_000);
  dismissed.add(3);
  dismissed.leave(2);
  pass(9_999);
  assert.deepEqual(ended, []);
  pass(1);
  assert.deepEqual(ended, [1]);
  pass(5_000);
  assert.deepEqual(ended, [1, 3]);
  pass(60_000);
  assert.deepEqual(ended, [1, 3]);
});

test('of very many the first ones end at once', () => {
  const { dismissed, ended } = rig();
  for (let connection = 0; connection < 1_026; connection += 1) dismissed.add(connection);
  assert.deepEqual(ended, [0, 1]);
});
