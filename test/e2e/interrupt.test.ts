import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { SwarmRig } from '../rig/swarm-rig.ts';
import { until } from '../rig/until.ts';

const makefile = `
all: $(patsubst %,out-%,$(shell seq 32))
out-%:
	swarmrun sh -c 'echo >started-$*; sh -c "sleep 1000; true"; echo >$@'
`;

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`${signal} to make -j16 leaves no process on any machine within a second`, async (t) => {
    await using swarm = await SwarmRig.start(t, { slots: 4 });
    await writeFile(path.join(swarm.share, 'Makefile'), makefile);
    const make = swarm.start('m1', ['make', '-j16']);
    // Four peers with four slots each.
    await until(
      async () => (await readdir(swarm.share)).filter((name) => name.startsWith('started-')).length >= 12,
      10_000,
      'the swarm is full',
    );
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
    const tookMs = performance.now() - start;
    t.diagnostic(`all gone after ${tookMs.toFixed(0)} ms`);
    assert.ok(tookMs < 1000, `it took ${tookMs.toFixed(0)} ms`);
    const left = (await readdir(swarm.share)).filter((name) => name.startsWith('out-'));
    assert.deepEqual(left, []);
    // The swarm is as good as before.
    assert.notEqual(await swarm.check('m1', ['swarmrun', 'hostname']), 'm1\n');
  });
}
