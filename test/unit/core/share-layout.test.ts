import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hiddenPath, isHidden, isOwnName, memberPath, shownName } from '../../../src/core/share-layout.ts';

test('a hidden name stays in the directory of the real one and ends like it', () => {
  assert.equal(hiddenPath('d/a.o', '1-x'), 'd/.buildswarm-1-x-a.o');
  assert.equal(hiddenPath('/d/e/a.o', '1-x'), '/d/e/.buildswarm-1-x-a.o');
  assert.equal(hiddenPath('a.o', '1-x'), '.buildswarm-1-x-a.o');
  assert.equal(hiddenPath('/a.o', '1-x'), '/.buildswarm-1-x-a.o');
});

test('hidden names are told from others by the last part of a path alone', () => {
  assert.ok(isHidden(hiddenPath('/s/a.o', '1-x')));
  assert.ok(!isHidden('/s/.buildswarm-1-x/a.o'));
  assert.ok(!isHidden('/s/.buildswarm'));
  assert.ok(isOwnName('.buildswarm') && isOwnName('.buildswarm-1-x-a.o') && !isOwnName('buildswarm'));
});

test('people are shown the name that a hidden one will have', () => {
  assert.equal(shownName(hiddenPath('/s/a-b.o', 'oTEziV9y-20.2')), 'a-b.o');
  assert.equal(shownName('/s/a-b-c-d.o'), 'a-b-c-d.o');
  assert.equal(shownName('/s/.buildswarm-odd'), '.buildswarm-odd');
});

test('a member file lies below the root, which may be that of the machine', () => {
  assert.equal(memberPath('/home/u', 'ID'), '/home/u/.buildswarm/peers/ID');
  assert.equal(memberPath('/', 'ID'), '/.buildswarm/peers/ID');
});
