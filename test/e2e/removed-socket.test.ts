/** A peer whose socket directory was removed (by a log-out, or a cleaner of /tmp) while it runs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SwarmRig } from '../rig/swarm-rig.ts';
import { until } from '../rig/until.ts';

const isPeer = (line: string): boolean => line.includes('bin/buildswarm daemon');

test('a peer whose socket directory was removed ends, and another one takes its place', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 2 });
  const peers = async () => (await swarm.lan.processes('m2')).filter(isPeer);
  const remove = ['sh', '-c', 'rm -r "$XDG_RUNTIME_DIR/buildswarm"'];

  await t.test('it ends by itself', async () => {
    await swarm.check('m2', remove);
    await until(async () => (await peers()).length === 0, 10_000, 'the peer of m2 has ended');
    await until(async () => (await swarm.status('m1')).peers.length === 0, 5_000, 'm1 has lost it');
  });

  await t.test('what is started right after the removal is the only peer, and stop finds it', async () => {
    await swarm.startPeer('m2');
    await swarm.check('m2', remove);
    await swarm.startPeer('m2');
    await until(async () => (await peers()).length === 1, 10_000, 'one peer is left');
    await swarm.untilSees('m1', 1);
    const ran = await swarm.check('m1', ['buildswarm', 'run', '--remote', 'hostname']);
    assert.equal(ran, 'm2\n');
    await swarm.stopPeer('m2');
    assert.deepEqual(await peers(), []);
  });
});
