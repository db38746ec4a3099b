/** A share whose `.buildswarm` is removed and made again: what to do is said, and helps. */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { SwarmRig } from '../rig/swarm-rig.ts';
import { until } from '../rig/until.ts';

test('status says that each peer is to be started again, and then jobs travel', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 2 });
  const hosts = ['m1', 'm2'] as const;
  const where = async () =>
    (await swarm.exec('m1', ['buildswarm', 'run', '--remote', 'hostname'])).stdout.toString().trim();
  await until(async () => (await where()) === 'm2', 20_000, 'jobs travel');

  await rm(path.join(swarm.share, '.buildswarm'), { recursive: true });
  await swarm.check('m1', ['buildswarm', 'share', swarm.share]);
  for (const host of hosts)
    await until(
      async () => /start\s+each\s+peer\s+again/.test(await swarm.check(host, ['buildswarm', 'status'])),
      60_000,
      `${host} says what to do`,
    );
  for (const host of hosts) await swarm.stopPeer(host);
  for (const host of hosts) await swarm.startPeer(host);
  await swarm.untilSees('m1', 1);
  await until(async () => (await where()) === 'm2', 20_000, 'jobs travel again');
});
