import assert from 'node:assert/strict';
import { test } from 'node:test';
import { absent, type Fact } from '../../../../src/core/fact.ts';
import { factFields } from '../../../../src/core/view/contract.ts';
import { isOutputSeen, nextLookMs, seeTimeoutMs } from '../../../../src/core/view/outputs.ts';

const fact: Fact = { kind: 'file', inode: '7', sizeBytes: 3, mtimeNs: '1000', ctimeNs: '2000' };

/** When the looks of a whole wait begin, each taking no time. */
function looksOf(timeoutMs: number): number[] {
  const looks = [0];
  for (;;) {
    const elapsedMs = looks.at(-1) ?? 0;
    const pauseMs = nextLookMs(looks.length, elapsedMs, timeoutMs);
    if (pauseMs === undefined) return looks;
    looks.push(elapsedMs + pauseMs);
  }
}

test('an output is looked for at once, then after pauses that double up to 100 ms, until five seconds are over', () => {
  assert.deepEqual(looksOf(seeTimeoutMs).slice(0, 10), [0, 1, 3, 7, 15, 31, 63, 127, 227, 327]);
  assert.equal(looksOf(seeTimeoutMs).at(-1), 5_000);
  assert.equal(nextLookMs(60, 5_000), undefined);
});

test('an output is seen no later than twice its own delay and a millisecond, or 100 ms', () => {
  const looks = looksOf(seeTimeoutMs);
  for (let delayMs = 0; delayMs <= seeTimeoutMs; delayMs += 1) {
    const seenMs = looks.find((atMs) => atMs >= delayMs) ?? Number.POSITIVE_INFINITY;
    assert.ok(seenMs - delayMs <= Math.min(delayMs, 100), `${delayMs} ms late, seen at ${seenMs}`);
  }
});

test('a wait that has no time left is one look', () => {
  assert.deepEqual(looksOf(0), [0]);
});

test('an output is seen when all fields that the machines see alike are equal', () => {
  for (const [field, change] of [
    ['inode', { inode: '8' }],
    ['size', { sizeBytes: 4 }],
    ['mtime', { mtimeNs: '1001' }],
    ['ctime', { ctimeNs: '2001' }],
  ] as const) {
    const mine = { ...fact, ...change };
    assert.equal(isOutputSeen(mine, fact, { fields: factFields }), false, field);
    const others = factFields.filter((other) => other !== field);
    assert.equal(isOutputSeen(mine, fact, { fields: others }), true, field);
  }
  assert.equal(isOutputSeen(fact, fact, { fields: factFields }), true);
  assert.equal(isOutputSeen(absent, fact, { fields: factFields }), false);
  assert.equal(isOutputSeen(absent, absent, { fields: factFields }), true);
});

test('what an opaque command wrote and something has changed since is as good, but what is older is not', () => {
  const enough = { fields: factFields, orNewer: true };
  assert.equal(isOutputSeen({ ...fact, sizeBytes: 9, ctimeNs: '2001' }, fact, enough), true);
  assert.equal(isOutputSeen({ ...fact, sizeBytes: 9, ctimeNs: '1999' }, fact, enough), false);
  assert.equal(isOutputSeen(absent, fact, enough), false);
});
