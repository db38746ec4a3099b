import assert from 'node:assert/strict';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { checkout } from '../rig/child.ts';
import { assertWithin } from '../rig/quickest.ts';
import { SwarmRig } from '../rig/swarm-rig.ts';
import { until } from '../rig/until.ts';

const buildswarm = path.join(checkout, 'bin/buildswarm');

test('peers on an empty LAN meet and run the first remote job within two seconds', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 2, peers: [] });
  const hosts = ['m1', 'm2'] as const;
  const tookMs = await assertWithin(2_000, 'the first remote job', async (round) => {
    if (round > 0) await Promise.all(hosts.map((host) => swarm.stopPeer(host)));
    await Promise.all(hosts.map((host) => swarm.startPeer(host)));
    const start = performance.now();
    await until(
      async () => (await swarm.check('m1', ['swarmrun', 'hostname'])) === 'm2\n',
      10_000,
      'a job ran on m2',
    );
    return performance.now() - start;
  });
  t.diagnostic(`first remote job done ${tookMs.join(', ')} ms after the peers were up`);
});

test('a peer that starts again is back at once, and one that is killed is gone at once', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 3 });
  await swarm.killPeer('m2');
  const sees = async (): Promise<number> =>
    (await swarm.status('m1')).peers.filter((peer) => peer.state === 'ready').length;
  await until(async () => (await sees()) === 1, 3000, 'm1 has noticed that m2 is gone');
  await swarm.startPeer('m2');
  await swarm.untilSees('m1', 2, 3000);
  await swarm.untilSees('m2', 2, 3000);
});

/** As in networks whose switches or administrators let no multicast pass. */
async function withoutMulticast(t: TestContext, machines: number): Promise<SwarmRig> {
  const swarm = await SwarmRig.start(t, { machines, peers: [] });
  for (const host of swarm.lan.hosts)
    await swarm.check(host, ['ip', 'route', 'del', '224.0.0.0/4', 'dev', 'eth0']);
  return swarm;
}

test('without multicast the peers are found by --peer, and buildswarm says what is wrong', async (t) => {
  await using swarm = await withoutMulticast(t, 2);
  await swarm.startPeer('m2', '--no-mdns', '--listen', '/ip4/0.0.0.0/tcp/7701');
  await swarm.startPeer('m1', '--peer', '/ip4/10.99.0.2/tcp/7701');
  await swarm.untilSees('m1', 1);
  assert.equal(await swarm.check('m1', ['swarmrun', 'hostname']), 'm2\n');
  const { warnings } = await swarm.status('m1');
  assert.match(warnings.join('; '), /no route for multicast/);
  assert.deepEqual((await swarm.status('m2')).warnings, [], 'who does not want multicast misses nothing');
});

test('without multicast the peers find each other by their files in the share', async (t) => {
  await using swarm = await withoutMulticast(t, 3);
  // Started in the share, so they join it; one after the other, so that each finds the files of those before it.
  for (const host of swarm.lan.hosts) await swarm.startPeer(host);
  for (const host of swarm.lan.hosts) await swarm.untilSees(host, 2, 40_000);
  assert.notEqual(await swarm.check('m1', ['swarmrun', 'hostname']), 'm1\n');
});

test('start returns when the peer is ready, holds no descriptor open, and refuses a second peer', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 1, peers: [] });
  // `cat` ends only when nobody holds the pipe any more.
  await swarm.check('m1', ['sh', '-c', `${buildswarm} start 2>&1 | cat`], { timeoutMs: 10_000 });
  assert.equal((await swarm.status('m1')).peers.length, 0);
  const second = await swarm.exec('m1', [buildswarm, 'daemon']);
  assert.equal(second.status, 1);
  assert.match(second.stderr.toString(), /already/);
  await swarm.stopPeer('m1');
  assert.equal((await swarm.exec('m1', [buildswarm, 'status'])).status, 69);
  assert.deepEqual(await swarm.lan.processes('m1'), []);
});
