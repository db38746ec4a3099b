import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { SwarmRig } from '../rig/swarm-rig.ts';

test('a command line of 100 KB and a compile that reads 1200 headers of the share run elsewhere', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 2, slots: 2 });
  await mkdir(path.join(swarm.share, 'headers'));
  const names = Array.from({ length: 1200 }, (_, index) => `headers/one_of_very_many_${index}.h`);
  await Promise.all(names.map((name) => writeFile(path.join(swarm.share, name), '#pragma once\n')));
  await writeFile(path.join(swarm.share, 'all.cc'), names.map((name) => `#include "${name}"\n`).join(''));
  await swarm.check('m1', ['swarmrun', 'g++', '-c', 'all.cc', '-o', 'all.o']);
  const words = Array.from({ length: 1000 }, (_, index) => `${index}`.padEnd(100, 'x'));
  assert.equal(
    await swarm.check('m1', ['swarmrun', 'sh', '-c', 'hostname; echo $#', 'sh', ...words]),
    'm2\n1000\n',
  );
  const { jobs, reasons } = await swarm.status('m1');
  assert.deepEqual([jobs.remote, jobs.inline], [2, 0]);
  assert.ok(!reasons.some(({ reason }) => reason === 'lost-peer'));
});
