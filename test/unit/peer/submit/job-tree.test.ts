import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCommand } from '../../../../src/core/command/read-command.ts';
import { systemNames } from '../../../../src/peer/submit/job-tree.ts';

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
