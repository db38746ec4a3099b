/** swarmtree that is stopped or ended: nobody waits for it. What it tells is shown by test/integration/tree-build.test.ts. */
import assert from 'node:assert/strict';
import { linkSync, mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { TreeServer } from '../../src/tree/tree-server.ts';
import { checkout } from '../rig/child.ts';
import { builtPrograms } from '../rig/programs.ts';
import { TreeLab, treeObstacle } from '../rig/tree-lab.ts';

let share: string;

before(() => {
  share = realpathSync(mkdtempSync(path.join(tmpdir(), 'tree-server-')));
});
after(() => rmSync(share, { recursive: true, force: true }));

async function start(t: TestContext, lost: string[]): Promise<TreeServer> {
  const server = await TreeServer.start({
    program: path.join(checkout, 'bin/swarmtree'),
    shares: [share],
    never: [],
    onLost: (why) => lost.push(why),
    lookMs: 50,
  });
  t.after(() => server.close());
  return server;
}

test('one that is stopped for good is given up, and so is what was asked of it', async (t) => {
  const lost: string[] = [];
  const server = await start(t, lost);
  await server.barrier();
  process.kill(server.pid, 'SIGSTOP');
  await assert.rejects(server.barrier(), /it was stopped/u);
  assert.deepEqual(lost, ['it was stopped']);
});

test('a file that was read tells of another name, even one that it gets after its directory was moved', {
  skip: treeObstacle() ?? false,
}, async () => {
  const outside = `${share}-outside`;
  mkdirSync(outside);
  mkdirSync(path.join(share, 'd'));
  writeFileSync(path.join(share, 'd/f'), 'content');
  await using lab = await TreeLab.start({ programs: builtPrograms(), shares: [share] });
  await lab.sh('cat d/f');
  for (const [from, to] of [
    ['d', 'e'],
    ['e', 'd'],
  ] as const)
    renameSync(path.join(share, from), path.join(share, to));
  assert.equal((await lab.sh('stat -c %h d/f')).stdout, '1\n');
  linkSync(path.join(share, 'd/f'), path.join(outside, 'l'));
  assert.equal((await lab.sh('stat -c %h d/f')).stdout, '2\n');
  rmSync(outside, { recursive: true });
});

test('one that is ended answers nobody, and lets nobody wait', async (t) => {
  const lost: string[] = [];
  const server = await start(t, lost);
  const asked = assert.rejects(server.barrier(), /it was ended/u);
  const closed = server.close();
  await asked;
  await assert.rejects(server.figures(), /it was ended/u);
  await closed;
  assert.deepEqual(lost, []);
});
