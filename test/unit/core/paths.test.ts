import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  ancestors,
  isBelow,
  isSystemPath,
  joinPath,
  mayBePath,
  parentOf,
  resolvePath,
  withoutSuffix,
} from '../../../src/core/paths.ts';

describe('resolvePath', () => {
  const cases: readonly (readonly [cwd: string, path: string, expected: string])[] = [
    ['/a/b', 'c', '/a/b/c'],
    ['/a/b', '', '/a/b'],
    ['/a/b', '.', '/a/b'],
    ['/a/b', './c/./d', '/a/b/c/d'],
    ['/a/b', '../c', '/a/c'],
    ['/a/b', '../../../c', '/c'],
    ['/a/b', '/x//y/', '/x/y'],
    ['/a/b', '/x/../..', '/'],
    ['/a/b', 'c/..', '/a/b'],
    ['/a/b', '...', '/a/b/...'],
    ['/a/b', '..c/d..', '/a/b/..c/d..'],
    ['/a/b', '.hidden', '/a/b/.hidden'],
    ['/', 'c', '/c'],
    ['/a/b/', 'c', '/a/b/c'],
    ['/a\xff', 'b\n c', '/a\xff/b\n c'],
  ];
  for (const [cwd, path, expected] of cases) {
    it(`makes ${JSON.stringify(path)} in ${cwd} ${JSON.stringify(expected)}`, () => {
      assert.equal(resolvePath(cwd, path), expected);
    });
  }
});

describe('isBelow and ancestors', () => {
  it('takes a directory to be below itself, but not a longer name', () => {
    assert.ok(isBelow('/a/b', '/a/b'));
    assert.ok(isBelow('/a/b', '/a/b/c'));
    assert.ok(isBelow('/', '/x'));
    assert.ok(!isBelow('/a/b', '/a/bc'));
    assert.ok(!isBelow('/a/b', '/a'));
  });
  it('names the directories on the way, outermost first', () => {
    assert.deepEqual(ancestors('/s/a/b/f', '/s'), ['/s', '/s/a', '/s/a/b']);
    assert.deepEqual(ancestors('/s/f', '/s'), ['/s']);
    assert.deepEqual(ancestors('/a/f', '/'), ['/', '/a']);
    assert.deepEqual(ancestors('/s', '/s'), []);
    assert.deepEqual(ancestors('/t/f', '/s'), []);
  });
});

describe('isSystemPath', () => {
  for (const path of ['/usr/include/x.h', '/lib64', '/opt/cross/bin/gcc', '/bin/sh', '/etc/alternatives/cc'])
    it(`holds for ${path}`, () => assert.ok(isSystemPath(path)));
  for (const path of ['/tmp/x', '/home/u/lib', '/usrlocal', '/etc/passwd', '/library', '/'])
    it(`does not hold for ${path}`, () => assert.ok(!isSystemPath(path)));
});

describe('mayBePath', () => {
  for (const [path, expected] of [
    [`/${'x'.repeat(255)}/${'y'.repeat(255)}`, true],
    [`/${'x'.repeat(256)}`, false],
    [`/a/${'x'.repeat(256)}/b`, false],
    [`${'/x'.repeat(2_047)}y`, true],
    ['/x'.repeat(2_048), false],
  ] as const)
    it(`is ${expected} of ${path.length} bytes, ${path.slice(0, 6)}…`, () =>
      assert.equal(mayBePath(path), expected));
});

describe('withoutSuffix', () => {
  for (const [path, expected] of [
    ['d/a.b.o', 'd/a.b'],
    ['d.e/x', 'd.e/x'],
    ['d/.x', 'd/'],
    ['x.', 'x'],
  ] as const)
    it(`makes ${path} ${expected}`, () => assert.equal(withoutSuffix(path), expected));
});

describe('parentOf and joinPath', () => {
  it('undo each other, at the root too', () => {
    for (const [directory, name] of [
      ['/', 'a'],
      ['/a', 'b'],
      ['/a/b', 'c.h'],
    ] as const) {
      assert.equal(parentOf(joinPath(directory, name)), directory);
    }
    assert.equal(joinPath('/a', 'b'), '/a/b');
    assert.equal(parentOf('/'), '/');
  });
});
