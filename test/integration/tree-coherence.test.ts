/** What test/simulation/served-tree.test.ts has found in swarmtree and swarmfs, with the real ones. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
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
