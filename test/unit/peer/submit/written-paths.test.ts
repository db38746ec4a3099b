import assert from 'node:assert/strict';
import { test } from 'node:test';
import { absent, type Fact } from '../../../../src/core/fact.ts';
import { WrittenPaths } from '../../../../src/peer/submit/written-paths.ts';
import { maxReopened, maxReopenedBelow } from '../../../../src/wire/limits.ts';

const file: Fact = { kind: 'file', inode: '1', sizeBytes: 1, mtimeNs: '1', ctimeNs: '1' };
const directory: Fact = { ...file, kind: 'directory' };

test('directories that changed and those of files count, and are begun once', () => {
  const written = new WrittenPaths('/s');
  const outputs = [
    { path: '/s/new', fact: directory },
    { path: '/s/out/a', fact: file },
    { path: '/s/gone/b', fact: absent },
  ];
  assert.deepEqual(written.note(outputs, true), ['/s/new', '/s/out']);
  assert.deepEqual(written.note(outputs.slice(0, 1), true), []);
  assert.deepEqual(written.directories, ['/s/out', '/s/new']);
});

test('each worker is told once of each file that was written in place, and again if it was written again', () => {
  const written = new WrittenPaths('/s');
  const wrote = (...names: string[]) =>
    written.note(
      names.map((name) => ({ path: `/s/${name}`, fact: file })),
      true,
    );
  wrote('a', 'b');
  const first = written.newFor('w');
  assert.deepEqual(first.files, ['/s/a', '/s/b']);
  assert.deepEqual(written.newFor('w').files, ['/s/a', '/s/b'], 'it has not taken that job');
  wrote('a');
  written.told('w', first.upTo);
  const second = written.newFor('w');
  assert.deepEqual(second.files, ['/s/a']);
  written.told('w', second.upTo);
  written.told('w', first.upTo);
  assert.deepEqual(written.newFor('w').files, [], 'an answer that comes late takes nothing back');
  assert.deepEqual(written.newFor('other').files, ['/s/b', '/s/a']);
  written.forget('w');
  assert.deepEqual(written.newFor('w').files, ['/s/b', '/s/a']);
});

test('what was renamed is a new file to everybody', () => {
  const written = new WrittenPaths('/s');
  written.note([{ path: '/s/a.o', fact: file }], false);
  assert.deepEqual(written.newFor('w').files, []);
});

test('of very many files the newest are named; where others lie all is opened anew, by workers that have not heard of them', () => {
  const written = new WrittenPaths('/s');
  const wrote = (directory: string, count: number) =>
    written.note(
      Array.from({ length: count }, (_, n) => ({ path: `/s/${directory}/${n}`, fact: file })),
      true,
    );
  wrote('a', maxReopened);
  assert.deepEqual(written.newFor('w').below, []);
  written.told('w', written.newFor('w').upTo);
  wrote('b', 1);
  const { files, below, upTo } = written.newFor('w');
  assert.deepEqual([files, below], [['/s/b/0'], []], 'it has heard of the one that was forgotten');
  const late = written.newFor('late');
  assert.deepEqual([late.files.length, late.files.at(-1), late.below], [maxReopened, '/s/b/0', ['/s/a']]);
  written.told('w', upTo);
  wrote('c', maxReopened + 1);
  assert.deepEqual(written.newFor('w').below, ['/s/c']);
  assert.deepEqual(written.newFor('late').below, ['/s/a', '/s/b', '/s/c']);
});

test('directories are remembered until they are very many, and then count as not known', () => {
  const written = new WrittenPaths('/s');
  written.note([{ path: '/s/first', fact: directory }], true);
  written.told('w', written.newFor('w').upTo);
  const many = Array.from({ length: 16_383 }, (_, n) => ({ path: `/s/${n}`, fact: directory }));
  written.note(many, true);
  assert.deepEqual([written.directories.length, written.newFor('late').below], [16_384, []]);
  written.note([{ path: '/s/last', fact: directory }], true);
  assert.deepEqual([written.directories.length, written.directories.at(-1)], [16_384, '/s/last']);
  assert.deepEqual(written.newFor('late').below, ['/s/first']);
  assert.deepEqual(written.newFor('w').below, [], 'it has heard of it');
});

test('where nobody knows what was written all is opened anew, once by each worker; of many such places, the share', () => {
  const written = new WrittenPaths('/s');
  written.noteBelow(['/s/a', '/s/b']);
  const { files, below, upTo } = written.newFor('w');
  assert.deepEqual([files, below], [[], ['/s/a', '/s/b']]);
  written.told('w', upTo);
  assert.deepEqual(written.newFor('w').below, []);
  written.noteBelow(['/s/a']);
  assert.deepEqual(written.newFor('w').below, ['/s/a']);
  written.noteBelow(Array.from({ length: maxReopenedBelow }, (_, n) => `/s/${n}`));
  assert.deepEqual(written.newFor('w').below, ['/s']);
});
