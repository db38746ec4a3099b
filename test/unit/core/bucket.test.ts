import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Bucket } from '../../../src/core/bucket.ts';

test('a bucket gives its burst at once and then so much a second, never more than the burst', () => {
  const bucket = new Bucket({ burst: 10, perS: 2 }, 0);
  assert.ok(bucket.has(10, 0), 'asking takes nothing');
  assert.ok(bucket.take(10, 0));
  assert.ok(!bucket.take(1, 499));
  assert.ok(bucket.take(1, 500));
  assert.ok(!bucket.take(11, 3_600_000));
  assert.ok(bucket.take(10, 3_600_000), 'what could not be taken took nothing');
});

test('over any time no more is taken than the burst and what that time brings', () => {
  const steps = fc.array(fc.tuple(fc.nat(2_000), fc.nat(8)), { maxLength: 60 });
  fc.assert(
    fc.property(steps, (list) => {
      const bucket = new Bucket({ burst: 12, perS: 3 }, 0);
      let nowMs = 0;
      let taken = 0;
      for (const [waitMs, amount] of list) {
        nowMs += waitMs;
        if (bucket.take(amount, nowMs)) taken += amount;
      }
      assert.ok(taken <= 12 + (nowMs / 1000) * 3 + 1e-6, `${taken} in ${nowMs} ms`);
    }),
  );
});
