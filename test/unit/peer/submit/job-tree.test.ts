import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCommand } from '../../../../src/core/command/read-command.ts';
import { systemNames, viewJobOf } from '../../../../src/peer/submit/job-tree.ts';

function namesOf(root: string, ...argv: string[]): string[] {
  const cwd = `${root}/build`;
  return systemNames(readCommand({ argv, cwd, env: new Map() }, new Map()).reading, cwd, root);
}

test('programs and system files that are named must be the same elsewhere', () => {
  assert.deepEqual(namesOf('/home/me', 'sh', '/usr/share/x.sh'), ['sh', '/usr/share/x.sh']);
  // What else a traced command reads is compared when it is known.
  assert.deepEqual(namesOf('/home/me', 'g++', 'a.o', '/usr/lib/libz.a', '-o', 'a'), ['g++']);
});

test('files of a share that lies below a directory of the system are files of the share', () => {
  assert.deepEqual(namesOf('/opt/work', 'sh', '/opt/work/x.sh'), ['sh']);
});

test('compiles are alike by the directories of their sources, and by those of the share that they include from', () => {
  const kinshipsOf = (cwd: string, ...argv: string[]) => {
    const { reading } = readCommand({ argv, cwd, env: new Map() }, new Map());
    return viewJobOf(reading, { argv, job: { cwd } }, '/share', []).kinships;
  };
  assert.deepEqual(kinshipsOf('/share/a', 'gcc', '-I.', '-I../inc', '-c', 'src/x.c'), [
    '/share/a/src',
    '/share/a\x01/share/inc',
  ]);
  // Projects that have nothing in common do not hear of each other.
  assert.deepEqual(kinshipsOf('/share/a', 'gcc', '-I/usr/include/x', '-c', 'x.c'), ['/share/a']);
  assert.deepEqual(kinshipsOf('/share/b', 'gcc', 'y.c', 'z.o', '-o', 'y'), ['/share/b']);
  assert.deepEqual(kinshipsOf('/share/b', 'gcc', 'z.o', '-o', 'z'), []);
});
