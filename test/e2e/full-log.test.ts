/** A disk that is full under the log of a peer: it goes on without words. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SwarmRig } from '../rig/swarm-rig.ts';
import { until } from '../rig/until.ts';

test('a peer whose log cannot be written serves on', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 2, peers: ['m2'] });
  const peer = swarm.start('m1', ['sh', '-c', 'exec buildswarm daemon --slots 2 2>/dev/full']);
  let ended = false;
  void peer.ended.then(() => (ended = true));
  await until(
    async () => (await swarm.status('m1')).peers.length === 1,
    20_000,
    'the peer is there and sees m2',
  );
  for (let count = 0; count < 3; count++)
    assert.equal(await swarm.check('m1', ['swarmrun', 'echo', 'word']), 'word\n');
  assert.equal(ended, false);
  await swarm.stopPeer('m1');
  assert.equal((await peer.ended).status, 0);
});
