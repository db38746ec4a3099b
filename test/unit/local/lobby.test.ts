import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Lobby } from '../../../src/local/lobby.ts';

function rig() {
  let nowMs = 0;
  const lobby = new Lobby<number>(() => nowMs);
  const ended: number[] = [];
  const whens: string[] = [];
  return {
    lobby,
    ended,
    whens,
    enter: (from: number, to: number) => {
      for (let n = from; n < to; n += 1)
        lobby.enter(n, (_why, when) => {
          ended.push(n);
          whens.push(when);
        });
    },
    pass: (ms: number) => {
      nowMs += ms;
    },
  };
}

test('a burst of wrappers is let in, whatever their number; silent connections make room for new ones', () => {
  const { enter, pass, ended, whens } = rig();
  enter(0, 1_000);
  assert.deepEqual(ended, []);
  pass(1_001);
  enter(1_000, 1_003);
  assert.deepEqual(ended, [0, 1, 2]);
  enter(1_003, 9_000);
  assert.ok(9_000 - ended.length <= 4_096);
  assert.ok(whens.every((when) => when === 'later'));
});

test('bytes that wait are bounded, and the ones who sent last are the last to go', () => {
  const { lobby, enter, ended } = rig();
  enter(0, 4);
  for (const n of [0, 1, 2, 3]) lobby.add(n, 2 ** 20);
  lobby.add(0, 1);
  assert.deepEqual(ended, []);
  enter(4, 5);
  lobby.add(4, 2 ** 22);
  assert.deepEqual(ended, [1]);
  lobby.leave(2, 'ended');
  lobby.add(3, 2 ** 23);
  assert.deepEqual(ended, [1, 0]);
  lobby.add(1, 2 ** 30);
  assert.deepEqual(ended, [1, 0], 'what has left counts no more');
});

/** Bytes of connections from..to that are read while nothing else happens, each sending all that it may, up to 1 MiB. */
function readAll({ lobby, enter }: ReturnType<typeof rig>, from: number, to: number): number {
  const chunkBytes = 64 * 1024;
  let readBytes = 0;
  for (let n = from; n < to; n += 1) {
    enter(n, n + 1);
    for (let chunk = 0; chunk < 16 && (chunk === 0 || lobby.mayRead(n)); chunk += 1) {
      lobby.add(n, chunkBytes);
      readBytes += chunkBytes;
    }
  }
  return readBytes;
}

test('long requests that never become whole are read at a bounded rate, those that do at any', () => {
  const it = rig();
  for (let n = 0; n < 200; n += 1) {
    assert.equal(readAll(it, n, n + 1), 2 ** 20, 'an honest one is not kept waiting');
    it.lobby.leave(n, 'whole');
  }
  const atOnceBytes = readAll(it, 200, 400);
  assert.ok(atOnceBytes <= 200 * 64 * 1024 + 2 ** 24, `${atOnceBytes} bytes`);
  assert.equal(readAll(it, 400, 401), 64 * 1024, 'what most requests have is read at once');
  assert.equal(it.lobby.mayRead(400), false);
  it.pass(1_000);
  assert.equal(it.lobby.mayRead(400), true);
});

test('what is not whole after ten seconds is ended, whatever it goes on to send; what came later is not', () => {
  const { lobby, enter, pass, ended, whens } = rig();
  enter(0, 3);
  pass(5_000);
  enter(3, 5);
  lobby.leave(1, 'whole');
  pass(5_001);
  lobby.add(0, 1);
  lobby.sweep();
  assert.deepEqual(ended, [0, 2]);
  lobby.sweep();
  assert.deepEqual(ended, [0, 2]);
  pass(5_000);
  lobby.sweep();
  assert.deepEqual(ended, [0, 2, 3, 4]);
  assert.ok(whens.every((when) => when === 'now'));
});
