/** A peer that is frozen or killed on the submitter's own machine: its wrappers run their commands themselves. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SwarmRig } from '../rig/swarm-rig.ts';
import { until } from '../rig/until.ts';

/** A command that ends on m1 only: on a slow machine a test that looks for it now and then would miss one that is short. */
const command = ['swarmrun', 'sh', '-c', '[ "$(hostname)" = m1 ] || sleep 60; hostname'];

test('wrappers of a peer that freezes or dies run their commands here', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 2, slots: 2 });
  await swarm.untilSees('m1', 1);

  await t.test('killed while the job runs on another machine: it ends there, and runs here', async () => {
    const running = swarm.start('m1', command);
    await until(
      async () => (await swarm.jobs('m2')).some((line) => line.includes('sleep 60')),
      5_000,
      'it runs on m2',
    );
    await swarm.killPeer('m1');
    const killedAtMs = performance.now();
    await until(
      async () => !(await swarm.jobs('m2')).some((line) => line.includes('sleep 60')),
      5_000,
      'm2 has ended it',
    );
    t.diagnostic(`ended on the worker after ${Math.round(performance.now() - killedAtMs)} ms`);
    const { status, stdout } = await running.ended;
    assert.equal(status, 0);
    assert.equal(stdout.toString(), 'm1\n');
  });

  await t.test('frozen: after the beats have stopped for long, it runs here', async () => {
    await swarm.startPeer('m1');
    await swarm.untilSees('m1', 1);
    const running = swarm.start('m1', command);
    await until(
      async () => (await swarm.jobs('m2')).some((line) => line.includes('sleep 60')),
      5_000,
      'it runs on m2',
    );
    await swarm.signalPeer('m1', 'STOP');
    const { status, stdout } = await running.ended;
    await swarm.signalPeer('m1', 'KILL');
    assert.equal(status, 0);
    assert.equal(stdout.toString(), 'm1\n');
  });
});
