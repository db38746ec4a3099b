import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { fromBytes, fromText, joinNul, splitNul, toBytes, toText } from '../../../src/wire/bytes.ts';

/** Text of any code points; fast-check's own `binary` takes a second to make. */
const text = fc.string({
  unit: fc
    .oneof(fc.integer({ min: 0, max: 0xd7ff }), fc.integer({ min: 0xe000, max: 0x10ffff }))
    .map((code) => String.fromCodePoint(code)),
});

test('any bytes survive as a byte string, and any text as bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) =>
      assert.equal(Buffer.compare(toBytes(fromBytes(bytes)), bytes), 0),
    ),
  );
  fc.assert(fc.property(text, (text) => assert.equal(toText(fromText(text)), text)));
});

test('lists of byte strings come out as they went in', () => {
  const item = fc.uint8Array({ min: 1 }).map(fromBytes);
  fc.assert(fc.property(fc.array(item), (items) => assert.deepEqual(splitNul(joinNul(items), 1_000), items)));
});

test('a list that is cut off or too long is refused', () => {
  assert.throws(() => splitNul(Buffer.from('a\0b'), 10), RangeError);
  assert.throws(() => splitNul(joinNul(['a', 'b', 'c']), 2), RangeError);
  assert.deepEqual(splitNul(new Uint8Array(0), 0), []);
});
