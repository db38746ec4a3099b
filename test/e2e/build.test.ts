import assert from 'node:assert/strict';
import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import type { Status } from '../../src/wire/cli-messages.ts';
import { check } from '../rig/child.ts';
import { fetchDemoProject, hashObjects } from '../rig/demo-project.ts';
import { isFull } from '../rig/effort.ts';
import { SwarmRig } from '../rig/swarm-rig.ts';

const timeoutMs = 240_000;

/** The library and its tests; the whole project has twice as much to compile. */
const targets = isFull ? [] : ['coding_test', 'skiplist_test'];

/** The sources of the library that the two tests are linked with. */
async function neededByTests(share: string): Promise<string> {
  const folder = 'leveldb/leveldb-1.20/util';
  const names = (await readdir(path.join(share, folder))).filter((name) =>
    /(?<!_test|testharness|testutil)\.cc$/.test(name),
  );
  return ['leveldb/leveldb-1.20/port/port_posix.cc', ...names.map((name) => `${folder}/${name}`)].join(' ');
}

/** What the remote peers have done for the first, by name. */
function doneForMe(status: Status): Map<string, number> {
  return new Map(status.peers.map((peer) => [peer.name, peer.doneForMe]));
}

function assertSpread(before: Status, after: Status, compiled: number): void {
  const gains = [...doneForMe(after)].map(([name, done]) => done - (doneForMe(before).get(name) ?? 0));
  assert.equal(gains.length, 3);
  for (const gain of gains) assert.ok(gain >= compiled / 6, `the remote peers did ${gains.join(', ')} jobs`);
}

/** That the first machine ran few jobs, and none for another reason than that all slots elsewhere were taken, as far as it knew. */
async function assertFewHere(
  swarm: SwarmRig,
  before: Status,
  after: Status,
  compiled: number,
): Promise<void> {
  const ran = after.jobs.inline - before.jobs.inline;
  if (ran === 0) return;
  const known = (await swarm.explainJobs('m1')).filter(({ place }) => place === 'inline').slice(-ran);
  const isFull = known.every(({ reasons }) => reasons.some(({ reason }) => reason === 'own-slot'));
  assert.ok(isFull && ran <= compiled / 6, `the first machine ran ${JSON.stringify(known)}`);
}

test('make builds LevelDB through the swarm: objects as from a local build, every remote peer did its part', async (t) => {
  await using swarm = await SwarmRig.start(t);
  await fetchDemoProject(swarm.share);
  const objects = path.join(swarm.share, 'out');
  const made = targets.map((target) => `out/${target}`);
  // Optimizing would be most of what it costs; the build by ninja below has all of the library.
  if (!isFull) made.push('CXXFLAGS=-O0', `library=${await neededByTests(swarm.share)}`);
  await check(['make', '-s', '-j2', ...made], { cwd: swarm.share, timeoutMs });
  const expected = await hashObjects(objects);
  assert.ok(expected.size >= 15);
  await rm(objects, { recursive: true });

  const before = await swarm.status('m1');
  // As many in flight as the remote slots: the first machine has hardly a reason to compile anything itself.
  await swarm.check('m1', ['make', '-s', '-j6', 'CXX=swarmrun g++', ...made], { timeoutMs });
  const after = await swarm.status('m1');
  assert.deepEqual(await hashObjects(objects), expected);
  assertSpread(before, after, expected.size);
  await assertFewHere(swarm, before, after, expected.size);
  assert.equal(after.jobs.failed - before.jobs.failed, 0);
  await check(['make', '-s', 'check', ...made.slice(targets.length)], { cwd: swarm.share });
});

test('cmake and ninja build LevelDB through the swarm, and ninja then finds nothing more to do', async (t) => {
  await using swarm = await SwarmRig.start(t);
  await fetchDemoProject(swarm.share);
  const build = path.join(swarm.share, 'build');
  const configure = ['cmake', '-G', 'Ninja', '-S', '.', '-B', 'build', '-DCMAKE_BUILD_TYPE=Debug'];
  await check(configure, { cwd: swarm.share });
  await check(['ninja', '-C', 'build', '-j2', ...targets], { cwd: swarm.share, timeoutMs });
  const expected = await hashObjects(build);
  await rm(build, { recursive: true });

  await swarm.check('m1', [...configure, '-DCMAKE_CXX_COMPILER_LAUNCHER=swarmrun']);
  const before = await swarm.status('m1');
  await swarm.check('m1', ['ninja', '-C', 'build', '-j6', ...targets], { timeoutMs });
  const after = await swarm.status('m1');
  assert.deepEqual(await hashObjects(build), expected);
  assertSpread(before, after, expected.size);
  await assertFewHere(swarm, before, after, expected.size);
  assert.match(
    await swarm.check('m1', ['ninja', '-C', 'build', '-d', 'explain', ...targets]),
    /no work to do/,
  );
  await swarm.check('m1', ['ctest', '--test-dir', 'build', '--output-on-failure']);
});

test('a compile error is told as the compiler tells it, and the build stops as it would', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 2 });
  await swarm.check('m1', ['sh', '-c', 'echo "int f() { return x; }" >bad.cc']);
  const argv = ['g++', '-c', 'bad.cc', '-o', 'bad.o'];
  const local = await swarm.exec('m1', argv);
  const remote = await swarm.exec('m1', ['swarmrun', ...argv]);
  assert.deepEqual(remote, local);
});
