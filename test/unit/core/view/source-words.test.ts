import assert from 'node:assert/strict';
import { test } from 'node:test';
import { searchedByWords } from '../../../../src/core/view/source-words.ts';

test('the directories that a source names are searched beside it if quoted, and below each include directory', () => {
  const text =
    ' #include "../gen/g.h"\n#  include <sub/x.h>\n#include "plain.h"\n#include <stdio.h>\n// "a/b.h"\n';
  assert.deepEqual(searchedByWords(text, '/s/src', ['/s/one', '/s/two']), [
    '/s/src/../gen',
    '/s/one/../gen',
    '/s/two/../gen',
    '/s/one/sub',
    '/s/two/sub',
  ]);
});

test('of a source that includes without end only the beginning counts', () => {
  const text = Array.from({ length: 1_000 }, (_, n) => `#include "d${n}/x.h"\n`).join('');
  assert.equal(searchedByWords(text, '/s', []).length, 256);
});
