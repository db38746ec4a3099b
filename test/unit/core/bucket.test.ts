import assert from 'node:assert/strict';
import { test } from 'node:test';
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
