import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { assertWithin } from '../rig/quickest.ts';
import { SwarmRig } from '../rig/swarm-rig.ts';
import { until } from '../rig/until.ts';

const makefile = `
all: $(patsubst %,out-%,$(shell seq 32))
out-%:
	swarmrun sh -c 'echo >started-$*; sh -c "sleep 1000; true"; echo >$@'
`;

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGKILL'] as const) {
  test(`${signal} to make -j16 leaves no process on any machine within a second`, async (t) => {
    await using swarm = await SwarmRig.start(t, { slots: 4 });
    await writeFile(path.join(swarm.share, 'Makefile'), makefile);
    // Four peers with four slots each. A shell that is just starting a program may lose a signal, so all must sleep.
    const sleeping = async (): Promise<number> => {
      const lines = await Promise.all(swarm.lan.hosts.map((host) => swarm.jobs(host)));
      return lines.flat().filter((line) => line.endsWith(' sleep 1000')).length;
    };
    const tookMs = await assertWithin(1_000, 'all is gone', async () => {
      const make = swarm.start('m1', ['make', '-j16']);
      await until(async () => (await sleeping()) >= 16, 20_000, 'the swarm is full');
      make.signalGroup(signal);
      const start = performance.now();
      await make.ended;
      for (const host of swarm.lan.hosts) {
        let left: string[] = [];
        const isClean = async (): Promise<boolean> => (left = await swarm.jobs(host)).length === 0;
        await until(isClean, 1500, `${host} is clean`).catch((error: unknown) => {
          throw new Error(`left on ${host}:\n${left.join('\n')}`, { cause: error });
        });
      }
      const roundMs = performance.now() - start;
      const left = (await readdir(swarm.share)).filter((name) => name.startsWith('out-'));
      assert.deepEqual(left, []);
      // The swarm is as good as before.
      assert.notEqual(await swarm.check('m1', ['swarmrun', 'hostname']), 'm1\n');
      return roundMs;
    });
    t.diagnostic(`all gone after ${tookMs.join(', ')} ms`);
  });
}

test('a compile whose wrapper is killed ends where it runs, and leaves the old object and nothing else', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 2 });
  await writeFile(path.join(swarm.share, 'a.o'), 'old');
  await writeFile(path.join(swarm.share, 'a.c'), '#include "slow.h"\n');
  // The compiler waits for somebody to write into it.
  await swarm.check('m1', ['mkfifo', path.join(swarm.share, 'slow.h')]);
  const isCompiled = async (): Promise<boolean> =>
    (await swarm.jobs('m2')).some((line) => line.includes('cc1'));
  for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
    const wrapper = swarm.start('m1', ['swarmrun', 'gcc', '-MD', '-c', 'a.c', '-o', 'a.o']);
    await until(isCompiled, 10_000, 'it is compiled on m2');
    wrapper.signalGroup(signal);
    assert.equal((await wrapper.ended).signal, signal);
    await until(async () => (await swarm.jobs('m2')).length === 0, 1_500, 'm2 is clean');
    const isTidy = async (): Promise<boolean> =>
      (await readdir(swarm.share)).every((name) => ['a.c', 'a.o', 'slow.h', '.buildswarm'].includes(name));
    await until(isTidy, 5_000, 'no hidden name is left');
    assert.equal(await readFile(path.join(swarm.share, 'a.o'), 'utf8'), 'old');
  }
});
