/** swarmfs that is stopped or ended: nobody waits for it. What jobs see of it is shown by test/integration. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, type TestContext, test } from 'node:test';
import { TreeMount } from '../../src/tree/tree-mount.ts';
import { check, checkout } from '../rig/child.ts';
import { treeObstacle } from '../rig/tree-lab.ts';
import { until } from '../rig/until.ts';

const skip = treeObstacle() ?? false;
let directory: string;

beforeEach(() => {
  directory = realpathSync(mkdtempSync(path.join(tmpdir(), 'tree-mount-')));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

async function start(t: TestContext, lost: string[]): Promise<TreeMount> {
  const mount = await TreeMount.start({
    program: path.join(checkout, 'bin/swarmfs'),
    directory,
    uid: process.getuid?.() ?? 0,
    gid: process.getgid?.() ?? 0,
    groups: [],
    onRequest: () => undefined,
    onFault: () => undefined,
    onLost: (why) => lost.push(why),
    hasJobs: () => true,
    lookMs: 50,
  });
  t.after(() => mount.close());
  return mount;
}

test('one that is stopped for good is given up while jobs are in it and answers nobody', {
  skip,
}, async (t) => {
  const lost: string[] = [];
  const mount = await start(t, lost);
  process.kill(mount.place.pid, 'SIGSTOP');
  const asked = assert.rejects(mount.store(Buffer.alloc(32), '/none'), /it was stopped/u);
  mount.watch();
  await asked;
  assert.deepEqual(lost, ['it was stopped']);
  await until(() => !existsSync(`/proc/${mount.place.pid}`), 3_000, 'it has ended');
});

test('one that is ended answers nobody, and lets nobody wait', { skip }, async (t) => {
  const lost: string[] = [];
  const mount = await start(t, lost);
  const asked = [mount.figures(), mount.store(Buffer.alloc(32), '/none')].map((one) =>
    assert.rejects(one, /it was ended/u),
  );
  const closed = mount.close();
  await Promise.all(asked);
  await assert.rejects(mount.store(Buffer.alloc(32), '/none'), /it was ended/u);
  await closed;
  assert.deepEqual(lost, []);
});

test('root of a namespace that a plain user made, who may not drop groups, mounts trees too', {
  skip,
}, async () => {
  const script = `import(process.argv[1]).then(async ({ servingObstacle }) =>
    console.log(await servingObstacle(process.argv[2], process.argv[3])))`;
  const words = [
    path.join(checkout, 'dist/src/tree/probe.js'),
    path.join(checkout, 'bin/swarmfs'),
    directory,
  ];
  const told = await check(['unshare', '--map-root-user', process.execPath, '-e', script, ...words]);
  assert.equal(told, 'undefined\n');
});
