import assert from 'node:assert/strict';
import { test } from 'node:test';
import { whereabouts } from '../../../../src/peer/explain/whereabouts.ts';
import { compile, opaque } from '../../../contract/submitter.ts';
import { SubmitterRig, streamsInMemory } from '../../../rig/submitter-rig.ts';

const outside = { cwd: '/elsewhere' };

function rigOf(ownSlots: number) {
  const rig = new SubmitterRig(streamsInMemory(), ownSlots);
  const where = (job: number): string => whereabouts(rig.dispatcher, job, (peer) => `the machine ${peer}`);
  return { rig, where };
}

test('a job is told of from its hand-in to its start', async () => {
  const { rig, where } = rigOf(0);
  rig.submit(compile);
  assert.equal(where(1), 'its command line is being read');
  await rig.quiet();
  assert.equal(where(1), 'waits for a free slot');
  rig.workerUp('a');
  assert.equal(where(1), 'is offered to the machine a');
  const attempt = await rig.nextAttempt();
  attempt.accept();
  await rig.quiet();
  assert.equal(where(1), 'waits in the queue of the machine a');
  attempt.start();
  await rig.quiet();
  assert.match(where(1), /^runs on the machine a/);
});

test('what waits for a lost worker, for this machine or by the will of its caller says so', async () => {
  const { rig, where } = rigOf(1);
  rig.workerUp('a');
  rig.submit(opaque);
  const attempt = await rig.nextAttempt();
  attempt.run();
  attempt.channel.abort();
  rig.submit(compile, outside);
  rig.submit(compile, outside);
  rig.submit(compile, { force: 'remote' });
  await rig.quiet();
  rig.submitter.apply({ type: 'peer-down', peer: 'a' });
  assert.deepEqual([1, 2, 3, 4].map(where), [
    'waits until nothing of it can run any more on the machine a, which was lost',
    'runs here',
    'waits for a slot of this machine',
    'waits for a slot of another machine, as --remote asks',
  ]);
});
