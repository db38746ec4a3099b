import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ownPathIn, privilegedIn, scriptsOf } from '../../../../src/core/command/own-directories.ts';

const paths: readonly (readonly [text: string, path: string | undefined])[] = [
  ['/tmp/x', '/tmp/x'],
  ['echo made >/tmp/x', '/tmp/x'],
  ['cd /tmp && make', '/tmp'],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is of the shell
  ['d=${TMPDIR:-/tmp}', '/tmp'],
  ['open(F, ">", "/var/tmp/a b")', '/var/tmp/a'],
  ['--cache=/dev/shm/c', '/dev/shm/c'],
  ['true\n  # not in /tmp/x\nfalse', undefined],
  ['cp a sub/tmp/x; ls $HOME/tmp', undefined],
  ['/tmpfs/x /usr/tmp/x /dev/shmem', undefined],
];
for (const [text, path] of paths)
  test(`${JSON.stringify(text)} names ${path}`, () => assert.equal(ownPathIn(text), path));

const privileges: readonly (readonly [text: string, program: string | undefined])[] = [
  ['sudo make install', 'sudo'],
  ['cd x && /usr/bin/ssh host make', '/usr/bin/ssh'],
  ['bash\n-c\n$(su -c id)', 'su'],
  ['# sudo make install\nsubmit sudoku /opt/ssh.d', undefined],
];
for (const [text, program] of privileges)
  test(`${JSON.stringify(text)} runs ${program}`, () => assert.equal(privilegedIn(text), program));

test('a script is the program itself, or the first word that an interpreter is given', () => {
  assert.deepEqual(scriptsOf(['./gen', 'a', 'b']), ['./gen']);
  assert.deepEqual(scriptsOf(['/bin/sh', '-e', 'gen.sh', 'a']), ['gen.sh']);
  assert.deepEqual(scriptsOf(['python3.11', 'gen.py']), ['gen.py']);
  assert.deepEqual(scriptsOf(['make', '-C', 'sub']), []);
});
