/** Signals that reach the wrapper reach the command on the other machine as they would have reached it here. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { SwarmRig } from '../rig/swarm-rig.ts';

/** Runs `job` on the swarm, sends it `signal` once it has written `ready`, and tells its status in the shell's way. */
async function signalled(swarm: SwarmRig, job: string, signal: string): Promise<string> {
  await writeFile(path.join(swarm.share, 'job'), job);
  const caller = `rm -f ready log runs; swarmrun --remote sh job & pid=$!
    until [ -e ready ]; do sleep 0.02; done
    kill -${signal} $pid; wait $pid; echo $?`;
  return (await swarm.check('m1', ['sh', '-c', caller])).trim();
}

test('signals to the wrapper', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 2 });
  const log = (name: string): Promise<string> => readFile(path.join(swarm.share, name), 'utf8');
  const wait = 'echo $(hostname) >>runs; : >ready; while :; do sleep 0.02; done';

  await t.test('one that ends the command ends the job, which does not begin again', async () => {
    for (const [signal, number] of [
      ['USR1', 10],
      ['USR2', 12],
      ['TERM', 15],
    ] as const) {
      assert.equal(await signalled(swarm, wait, signal), String(128 + number));
      assert.equal(await log('runs'), 'm2\n');
      assert.equal(await signalled(swarm, `trap 'exit 3' ${signal}; ${wait}`, signal), '3');
      assert.equal(await log('runs'), 'm2\n');
    }
  });

  await t.test('one that was sent to the wrapper alone reaches the command alone', async () => {
    for (const signal of ['TERM', 'HUP']) {
      const child = `trap 'echo signalled >>log; exit' ${signal}; while :; do sleep 0.02; done`;
      await writeFile(path.join(swarm.share, 'child'), child);
      const job = `sh child & child=$!
        trap 'echo handler >>log; kill -KILL $child; exit 5' ${signal}
        ${wait}`;
      assert.equal(await signalled(swarm, job, signal), '5');
      assert.equal(await log('log'), 'handler\n');
    }
  });
});

/** From before it is there until its command runs. */
const momentsMs = Array.from({ length: 60 }, (_, at) => at * 4);

test('one that asks for the end ends the command at whatever moment it comes', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 2, ownRoots: ['/srv'] });
  for (const directory of [swarm.share, '/srv']) {
    // The first begins what is there for the others.
    await swarm.check('m1', ['sh', '-c', `cd ${directory} && swarmrun --remote true`]);
    const caller = `cd ${directory}
      for ms in ${momentsMs.join(' ')}; do
        swarmrun --remote sleep 20 & pid=$!
        sleep $(printf 0.%03d $ms)
        kill -TERM $pid; wait $pid; echo $ms $?
      done`;
    const said = await swarm.check('m1', ['sh', '-c', caller], { timeoutMs: 120_000 });
    assert.deepEqual(
      said.trim().split('\n'),
      momentsMs.map((ms) => `${ms} 143`),
      directory,
    );
  }
});
