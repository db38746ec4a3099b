/** Whatever becomes of a command or its caller, the slot that it held is free again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SwarmRig } from '../rig/swarm-rig.ts';
import { until } from '../rig/until.ts';

test('slots come back', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 2, slots: 2 });

  await t.test('of commands whose reader went away while they had more to say', async () => {
    for (let round = 0; round < 4; round++) {
      // Nobody reads until all that the worker may send unasked has come.
      const slow = `swarmrun sh -c 'hostname; exec yes' | { sleep 0.3; head -n 1; }`;
      assert.equal(await swarm.check('m1', ['sh', '-c', slow], { timeoutMs: 20_000 }), 'm2\n');
    }
    await until(
      async () => (await swarm.status('m2')).self.running === 0,
      5_000,
      'no slot of the worker is held any more',
    );
  });

  await t.test('of wrappers that die while their command is read', async () => {
    const kill =
      'for n in $(seq 80); do swarmrun sleep 0.3 & sleep 0.00$((n % 8)); kill -9 $!; done 2>/dev/null; wait; true';
    await swarm.check('m1', ['sh', '-c', `cd / && { ${kill}; }`], { timeoutMs: 30_000 });
    await until(async () => (await swarm.status('m1')).jobs.running === 0, 5_000, 'no slot is held here');
    await swarm.check('m1', ['sh', '-c', 'cd / && swarmrun sh -c true'], { timeoutMs: 5_000 });
  });

  await t.test('of commands that ran here and left something running in the background', async () => {
    const outside = { cwd: '/', timeoutMs: 10_000 };
    const leave = 'setsid sleep 30 </dev/null >/dev/null 2>&1 & exit 0';
    for (let count = 0; count < 2; count++)
      await swarm.check('m1', ['sh', '-c', `cd / && swarmrun sh -c '${leave}'`], outside);
    const startedMs = performance.now();
    await swarm.check('m1', ['sh', '-c', 'cd / && swarmrun sh -c true'], outside);
    t.diagnostic(`the next one waited ${Math.round(performance.now() - startedMs)} ms`);
  });
});
