/** What test/simulation/served-tree.test.ts has found in swarmtree and swarmfs, with the real ones. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { builtPrograms } from '../rig/programs.ts';
import { TreeLab, treeObstacle } from '../rig/tree-lab.ts';

const skip = treeObstacle() ?? false;
let share: string;

beforeEach(() => {
  share = realpathSync(mkdtempSync(path.join(tmpdir(), 'tree-coherence-')));
});
afterEach(() => rmSync(share, { recursive: true, force: true }));

test('the time of a directory in which something was made is new, though nobody has looked into it', {
  skip,
}, async () => {
  mkdirSync(path.join(share, 'd'));
  await using lab = await TreeLab.start({ programs: builtPrograms(), shares: [share] });
  const before = await lab.sh('stat -c "%n %Y.%y %h" d');
  mkdirSync(path.join(share, 'd/made'));
  const after = await lab.sh('stat -c "%n %Y.%y %h" d');
  assert.notEqual(after.stdout, before.stdout);
  assert.match(after.stdout, / 3\n$/);
});

test('a directory that took the place of another is listed without the names of that one', {
  skip,
}, async () => {
  const at = (name: string): string => path.join(share, name);
  // So many that a name is told without the others.
  mkdirSync(at('many'));
  for (let n = 0; n < 1_600; n += 1) writeFileSync(at(`many/f${n}`), '');
  mkdirSync(at('few'));
  writeFileSync(at('few/g'), '');
  await using lab = await TreeLab.start({ programs: builtPrograms(), shares: [share] });
  assert.equal((await lab.sh('cat many/f1')).status, 0);
  renameSync(at('many'), at('old'));
  renameSync(at('few'), at('many'));
  // Nothing has told the worker yet.
  const { stdout, faults } = await lab.run(['ls', 'many'], { barrier: false });
  assert.notEqual(stdout, 'f1\ng\n');
  assert.ok(stdout === 'g\n' || faults.some(({ kind }) => kind === 'stale'), 'or it is not believed');
  assert.equal((await lab.sh('ls many')).stdout, 'g\n');
});

test('a name is looked up in the directory that took the place of another, and not added to what is known of that one', {
  skip,
}, async () => {
  const at = (name: string): string => path.join(share, name);
  // So many that a name is told without the others.
  for (const [directory, name] of [
    ['many', 'f'],
    ['others', 'g'],
  ] as const) {
    mkdirSync(at(directory));
    for (let n = 0; n < 1_600; n += 1) writeFileSync(at(`${directory}/${name}${n}`), '');
  }
  await using lab = await TreeLab.start({ programs: builtPrograms(), shares: [share] });
  assert.equal((await lab.sh('cat many/f1')).status, 0);
  renameSync(at('many'), at('old'));
  renameSync(at('others'), at('many'));
  // Nothing has told the worker yet.
  const script = 'cat many/g1 && test -e many/f1 && echo mixed';
  const { stdout, faults } = await lab.run(['sh', '-c', script], { barrier: false });
  assert.ok(stdout === '' || faults.some(({ kind }) => kind === 'stale'), `${stdout} is not believed`);
  assert.equal((await lab.sh('cat many/g1 && test ! -e many/f1')).status, 0);
});
