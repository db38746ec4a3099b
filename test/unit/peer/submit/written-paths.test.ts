import assert from 'node:assert/strict';
import { test } from 'node:test';
import { absent, type Fact } from '../../../../src/core/fact.ts';
import { WrittenPaths } from '../../../../src/peer/submit/written-paths.ts';

const file: Fact = { kind: 'file', inode: '1', sizeBytes: 1, mtimeNs: '1', ctimeNs: '1' };
const directory: Fact = { ...file, kind: 'directory' };

test('directories that changed and those of files count, and are begun once', () => {
  const written = new WrittenPaths();
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
  const written = new WrittenPaths();
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

test('what was renamed is a new file to everybody; of many the newest are kept', () => {
  const written = new WrittenPaths();
  written.note([{ path: '/s/a.o', fact: file }], false);
  assert.deepEqual(written.newFor('w').files, []);
  const many = Array.from({ length: 2_000 }, (_, n) => ({ path: `/s/${n}/f`, fact: file }));
  written.note(many, true);
  const { files } = written.newFor('w');
  assert.equal(files.length, 256);
  assert.equal(files.at(-1), '/s/1999/f');
  assert.equal(written.directories.length, 1_024);
});
