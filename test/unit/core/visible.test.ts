import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { visibleField, visibleJson, visibleText, visibleValue } from '../../../src/core/visible.ts';

const evil = '\u001b]0;owned\u0007\u001b[2J\u009b31m\u202eexe.txt\r\n\u2028';
// oxlint-disable-next-line no-control-regex -- these are what is looked for
const unsafe = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/;

test('nothing that moves a cursor, colours or turns text stays in a field; letters of any script do', () => {
  assert.doesNotMatch(visibleField(evil), unsafe);
  assert.equal(visibleField('a\u001b[2Jb'), 'a\\u001b[2Jb');
  assert.equal(visibleField('Zoë’s ノート 🖥 C:\\x'), 'Zoë’s ノート 🖥 C:\\x');
});

test('text keeps its lines, and nothing else that is unsafe', () => {
  assert.equal(visibleText('one\ntwo\r\n'), 'one\ntwo\\u000d\n');
});

test('JSON stays the same value', () => {
  // fast-check's own strings of all characters take a second to get ready.
  const anyText = fc.uint16Array({ maxLength: 20 }).map((units) => String.fromCharCode(...units));
  fc.assert(
    fc.property(fc.jsonValue(), anyText, (value, text) => {
      const json = JSON.stringify({ value, text, evil });
      const visible = visibleJson(json);
      assert.doesNotMatch(visible, unsafe);
      assert.deepEqual(JSON.parse(visible), JSON.parse(json));
    }),
  );
});

test('every string in a value is made visible', () => {
  const value = visibleValue({ name: evil, list: [{ why: evil }], slots: 4, none: null });
  assert.doesNotMatch(value.name + value.list[0]?.why, unsafe);
  assert.deepEqual([value.slots, value.none], [4, null]);
});
