/** A worker whose peer stood still while a compile of its went on to its end: it leaves nothing when it is back. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { SwarmRig } from '../rig/swarm-rig.ts';
import { until } from '../rig/until.ts';

/** Takes a compiler some seconds. */
const slow = `constexpr int fib(int n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
${[27, 28].map((n) => `static_assert(fib(${n}) > 0);`).join('\n')}
`;

test('a worker frozen and thawed leaves no hidden name in the build directory', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 2, slots: 2 });
  const build = path.join(swarm.share, 'build');
  await mkdir(build);
  await writeFile(path.join(build, 'a.cc'), slow);
  const hidden = () => readdirSync(build).filter((name) => name.startsWith('.buildswarm-'));
  const compiles = async () => (await swarm.jobs('m2')).some((line) => line.includes('cc1plus'));

  const options = ['-fconstexpr-ops-limit=1000000000', '-fconstexpr-loop-limit=1000000000'];
  const names = ['-MD', '-MT', 'a.o', '-MF', 'a.o.d', '-c', 'a.cc', '-o', 'a.o'];
  const running = swarm.start('m1', ['swarmrun', 'g++', ...options, ...names], { cwd: build });
  await until(compiles, 15_000, 'it compiles on m2');
  await swarm.signalPeer('m2', 'STOP');
  assert.equal((await running.ended).status, 0);
  assert.deepEqual(
    readdirSync(build)
      .filter((name) => name.startsWith('a.o'))
      .toSorted(),
    ['a.o', 'a.o.d'],
  );
  await until(async () => !(await compiles()), 60_000, 'the compile of m2 has ended');
  t.diagnostic(`left while it is frozen: ${hidden().join(' ')}`);
  await swarm.signalPeer('m2', 'CONT');
  await swarm.untilSees('m1', 1, 30_000);
  await until(() => hidden().length === 0, 30_000, 'nothing is left');
});
