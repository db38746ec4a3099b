import assert from 'node:assert/strict';
import { test } from 'node:test';
import { array, assert as check, integer, nat, property } from 'fast-check';
import { intoBatches } from '../../../src/share/facts.ts';

test('batches hold every item once and in order, and are at most as many as threads', () => {
  check(
    property(
      array(nat()),
      integer({ min: 1, max: 8 }),
      integer({ min: 1, max: 50 }),
      (items, width, smallest) => {
        const batches = intoBatches(items, width, smallest);
        assert.deepEqual(batches.flat(), items);
        assert.ok(batches.length <= width && batches.every((batch) => batch.length > 0));
      },
    ),
  );
});
