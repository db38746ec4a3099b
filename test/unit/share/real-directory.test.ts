/** Directories that are held open: what is done goes to the one that its path leads to by then. */
import assert from 'node:assert/strict';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { RealDirectory } from '../../../src/share/blocking/real-directory.ts';

const descriptors = (): number => readdirSync('/proc/self/fd').length;

test('a directory that is kept open is left for the one that has taken its place', (t) => {
  const top = realpathSync(mkdtempSync(path.join(tmpdir(), 'real-directory-')));
  t.after(() => rmSync(top, { recursive: true, force: true }));
  const at = (name: string): string => path.join(top, name);
  const make = (name: string): unknown =>
    RealDirectory.within(at('d'), (directory) => writeFileSync(directory.at(name), ''));
  mkdirSync(at('d'));
  const before = descriptors();
  RealDirectory.keeping(() => {
    make('first');
    assert.equal(descriptors(), before + 1);
    make('second');
    assert.equal(descriptors(), before + 1);
    renameSync(at('d'), at('old'));
    assert.equal(make('third'), undefined, 'none is there');
    mkdirSync(at('d'));
    make('third');
    rmSync(at('d'), { recursive: true });
    symlinkSync('old', at('d'));
    assert.equal(make('fourth'), undefined, 'only by way of a link');
    rmSync(at('d'));
    renameSync(at('old'), at('d'));
    make('fifth');
  });
  assert.deepEqual(readdirSync(at('d')).toSorted(), ['fifth', 'first', 'second']);
  assert.equal(descriptors(), before);
});

test('no more directories are kept open than may be, and none after an error', (t) => {
  const top = realpathSync(mkdtempSync(path.join(tmpdir(), 'real-directory-')));
  t.after(() => rmSync(top, { recursive: true, force: true }));
  const before = descriptors();
  const use = (): void => {
    for (let n = 0; n < 100; n += 1) {
      mkdirSync(path.join(top, String(n)), { recursive: true });
      RealDirectory.in(path.join(top, String(n)), () => undefined);
    }
    assert.equal(descriptors(), before + 64);
    throw new Error('the end');
  };
  assert.throws(() => RealDirectory.keeping(use), /the end/);
  assert.equal(descriptors(), before);
  RealDirectory.in(path.join(top, '0'), () => assert.equal(descriptors(), before + 1));
  assert.equal(descriptors(), before);
});
