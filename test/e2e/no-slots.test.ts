/** A peer that was given no slots works for nobody; its own user's commands run all the same. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SwarmRig } from '../rig/swarm-rig.ts';

test('a peer without slots', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 2, slots: 2, peers: ['m2'] });
  await swarm.startPeer('m1', '--slots', '0');
  await swarm.untilSees('m1', 1);
  await swarm.check('m1', ['sh', '-c', 'echo "int x;" >x.c']);
  const soon = { timeoutMs: 10_000 };
  const placesOf = async () => (await swarm.explainJobs('m1')).map(({ place }) => place);

  await t.test('has its jobs run elsewhere', async () => {
    await swarm.check('m1', ['swarmrun', 'gcc', '-c', 'x.c'], soon);
    assert.deepEqual(await placesOf(), ['m2']);
    assert.equal((await swarm.status('m1')).self.slots, 0);
  });

  await t.test('runs what cannot travel itself, several one after the other', async () => {
    await swarm.check('m1', ['buildswarm', 'run', '--local', 'gcc', '-c', 'x.c'], soon);
    const outside = 'cd / && for n in 1 2 3; do swarmrun sh -c true & done; wait';
    await swarm.check('m1', ['sh', '-c', outside], soon);
    assert.deepEqual((await placesOf()).slice(1), ['inline', 'inline', 'inline']);
  });

  await t.test('runs what came to nothing elsewhere', async () => {
    await swarm.stopPeer('m2');
    await swarm.check('m1', ['swarmrun', 'gcc', '-c', 'x.c'], soon);
    assert.deepEqual((await placesOf()).slice(4), ['inline']);
    assert.equal((await swarm.status('m1')).jobs.running, 0);
  });
});
