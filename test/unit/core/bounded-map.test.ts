import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BoundedMap } from '../../../src/core/bounded-map.ts';
import { getOrMake } from '../../../src/core/get-or-make.ts';

test('a full map drops what was set or used longest ago', () => {
  const map = new BoundedMap<string, number>(3);
  for (const [index, key] of ['a', 'b', 'c'].entries()) map.set(key, index);
  map.set('a', 9);
  assert.equal(map.use('b'), 1);
  assert.equal(map.get('c'), 2, 'a look is no use');
  map.set('d', 3);
  assert.deepEqual(
    [...map],
    [
      ['a', 9],
      ['b', 1],
      ['d', 3],
    ],
  );
  assert.equal(map.use('c'), undefined);
  assert.ok(!map.has('c') && map.size === 3, 'what is not there is not put in by a use');
});

test('what is made for a key is made once', () => {
  const map = new Map<string, number[]>();
  let made = 0;
  const make = (): number[] => {
    made += 1;
    return [made];
  };
  getOrMake(map, 'a', make).push(7);
  assert.deepEqual(getOrMake(map, 'a', make), [1, 7]);
  assert.deepEqual(getOrMake(map, 'b', make), [2]);
});
