/** Signals that reach the wrapper reach the command on the other machine as they would have reached it here. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { SwarmRig } from '../rig/swarm-rig.ts';
import { until } from '../rig/until.ts';

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

/** Runs the wrapper in a group of its own, as a shell does a job, which TSTP can stop; its pid stands in `wrapper`. */
const asJob = `my $pid = fork;
  if (!$pid) { setpgrp; open my $f, '>', 'wrapper'; print $f $$; close $f; exec @ARGV }
  waitpid $pid, 0;`;

test('one that stops it stops it on the next worker too, where its own is lost', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 3, ownRoots: ['/srv'] });
  for (const directory of [swarm.share, '/srv']) {
    const onShell = (script: string): Promise<string> =>
      swarm.check('m1', ['sh', '-c', `cd ${directory} && ${script}`]);
    const isAt = async (host: 'm2' | 'm3', states: RegExp): Promise<boolean> =>
      (await swarm.jobs(host)).some((line) => states.test(line) && line.endsWith(' sleep 1000'));
    const command = `perl -e '${asJob.replaceAll("'", '"')}' swarmrun --remote sleep 1000`;
    const run = swarm.start('m1', ['sh', '-c', `cd ${directory} && ${command}`]);
    const host = await until(
      async () => ((await isAt('m2', /./)) ? 'm2' : (await isAt('m3', /./)) && 'm3'),
      10_000,
      'it runs',
    );
    const next = host === 'm2' ? 'm3' : 'm2';
    await onShell('kill -TSTP $(cat wrapper)');
    await until(() => isAt(host, / T\S* /), 10_000, 'it is stopped');
    await swarm.killPeer(host);
    await until(() => isAt(next, / T\S* /), 20_000, 'it is stopped on the next worker');
    await onShell('kill -CONT $(cat wrapper)');
    await until(() => isAt(next, / S\S* /), 10_000, 'it goes on');
    await onShell('kill -TERM $(cat wrapper)');
    await run.ended;
    await swarm.startPeer(host);
    await swarm.untilSees('m1', 2);
  }
});
