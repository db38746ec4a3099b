import assert from 'node:assert/strict';
import { test } from 'node:test';
import { absent, type Fact } from '../../../../src/core/fact.ts';
import { calibrate, changedAtMs, sameFact } from '../../../../src/core/view/facts.ts';

const file: Fact = {
  kind: 'file',
  inode: '7',
  sizeBytes: 10,
  mtimeNs: '1700000000123456789',
  ctimeNs: '1700000001123456789',
};

test('facts that differ only in a field that machines do not share are the same', () => {
  const other = { ...file, inode: '8' };
  assert.equal(sameFact(file, other, ['inode', 'size', 'mtime']), false);
  assert.equal(sameFact(file, other, ['size', 'mtime']), true);
});

test('another kind is never the same, and absent is always absent', () => {
  assert.equal(sameFact(file, { ...file, kind: 'link' }, []), false);
  assert.equal(sameFact(absent, { ...absent, mtimeNs: '5' }, ['mtime']), true);
});

test('calibration keeps the fields in which all pairs agree', () => {
  const pairs = [
    { mine: file, theirs: file },
    { mine: file, theirs: { ...file, inode: '9' } },
  ];
  assert.deepEqual(calibrate(pairs), ['size', 'mtime', 'ctime']);
});

test('calibration gives up where sizes or mtimes differ, and without a pair', () => {
  assert.equal(calibrate([{ mine: file, theirs: { ...file, mtimeNs: '1700000000123000000' } }]), undefined);
  assert.equal(calibrate([{ mine: file, theirs: absent }]), undefined);
  assert.equal(calibrate([]), undefined);
});

test('the time of the last change is the later of mtime and ctime', () => {
  assert.equal(changedAtMs(file), 1_700_000_001_123);
  assert.equal(changedAtMs(absent), 0);
});
