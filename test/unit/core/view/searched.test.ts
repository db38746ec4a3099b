import assert from 'node:assert/strict';
import { test } from 'node:test';
import { earlierDirectories } from '../../../../src/core/view/searched.ts';

test('a header in a sub-directory was looked for below each earlier directory and beside each reader', () => {
  const found = earlierDirectories({
    includeDirs: ['/s/one', '/s/two', '/s/three'],
    files: ['/s/src/a.c', '/s/two/sub/h.h'],
    outsideDirs: [],
  });
  assert.deepEqual([...found].toSorted(), ['/s/one/sub', '/s/src/sub', '/s/two/sub/sub']);
});

test('a header directly in an include directory needs nothing more', () => {
  const found = earlierDirectories({
    includeDirs: ['/s/one', '/s/two'],
    files: ['/s/two/h.h', '/s/two/a.c'],
    outsideDirs: [],
  });
  assert.deepEqual([...found], []);
});

test('a system header may have been looked for below every include directory', () => {
  const found = earlierDirectories({
    includeDirs: ['/s/one'],
    files: [],
    outsideDirs: ['/usr/include/sys'],
  });
  assert.deepEqual([...found].toSorted(), ['/s/one/include/sys', '/s/one/sys']);
});

test('below nested include directories every reading of the name counts', () => {
  const found = earlierDirectories({
    includeDirs: ['/s/first', '/s', '/s/inc'],
    files: ['/s/inc/x/h.h'],
    outsideDirs: [],
  });
  for (const path of ['/s/first/inc/x', '/s/first/x', '/s/x']) assert.ok(found.has(path), path);
});
