/** What a job may replace here. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ThereNow, whyNotReplaced, whyNotWritten } from '../../../../src/core/tree/conflict.ts';

const file: ThereNow = { ctimeNs: 99n, nlink: 1n, uid: 1000n, isDirectory: false };

test('what changed at the start of a job or later is not replaced, nor a file of several names', () => {
  assert.equal(whyNotReplaced(file, 100n), undefined);
  assert.match(whyNotReplaced({ ...file, ctimeNs: 100n }, 100n) ?? '', /^changed here/);
  assert.match(whyNotReplaced({ ...file, nlink: 2n }, 100n) ?? '', /other names/);
  assert.equal(whyNotReplaced({ ...file, nlink: 2n, isDirectory: true }, 100n), undefined);
});

test('what is written in place must be one\u2019s own too', () => {
  assert.equal(whyNotWritten(file, 1000n, 100n), undefined);
  assert.match(whyNotWritten(file, 0n, 100n) ?? '', /another user/);
  assert.match(whyNotWritten({ ...file, ctimeNs: 101n }, 0n, 100n) ?? '', /^changed here/);
});
