/** A container's CPU quota: no more slots are offered than it leaves cores. */
import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { test } from 'node:test';
import { makeQuotaGroup } from '../rig/cpu-quota.ts';
import { SwarmRig } from '../rig/swarm-rig.ts';

test('a peer in a group with the quota of one core offers one slot', async (t) => {
  if (availableParallelism() < 2) return t.skip('this machine has one core only');
  await using group = makeQuotaGroup(1);
  if (group === undefined) return t.skip('no control group with a CPU quota can be made here');
  await using swarm = await SwarmRig.start(t, { machines: 1, peers: [] });
  await swarm.check('m1', ['sh', '-c', `echo $$ >${group.processes} && exec buildswarm start`]);
  assert.equal((await swarm.status('m1')).self.slots, 1);
});
