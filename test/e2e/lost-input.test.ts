/** A worker is lost after its command has read some of the caller's input: no other attempt may go on with the rest. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SwarmRig } from '../rig/swarm-rig.ts';
import { until } from '../rig/until.ts';

test('a command whose worker is lost gets all of its input again, or fails in words', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 3, slots: 2 });
  const mark = 'read first; : >seen; sleep 5; cat; echo $first';
  const lose = async (line: string) => {
    const running = swarm.start('m1', ['sh', '-c', `rm -f seen; ${line}`]);
    await until(
      async () => (await swarm.exec('m1', ['test', '-e', 'seen'])).status === 0,
      10_000,
      'the command has read its first line',
    );
    const host = await until(
      async () => {
        for (const one of ['m2', 'm3'] as const)
          if ((await swarm.jobs(one)).some((line) => line.includes('sleep 5'))) return one;
        return undefined;
      },
      4_000,
      'it runs on another machine',
    );
    await swarm.killPeer(host);
    return { ended: await running.ended, host };
  };

  await swarm.check('m1', ['sh', '-c', 'seq 5 >in']);
  const file = await lose(`swarmrun sh -c '${mark}' <in`);
  assert.deepEqual([file.ended.status, file.ended.stdout.toString()], [0, '2\n3\n4\n5\n1\n']);
  await swarm.startPeer(file.host);
  await swarm.untilSees('m1', 2);
  const pipe = await lose(`seq 5 | swarmrun sh -c '${mark}'`);
  const told = [pipe.ended.status, pipe.ended.stdout.toString()];
  t.diagnostic(`from a pipe: ${JSON.stringify(told)} ${pipe.ended.stderr.toString().trim()}`);
  if (pipe.ended.status === 0) assert.equal(pipe.ended.stdout.toString(), '2\n3\n4\n5\n1\n');
  else assert.match(pipe.ended.stderr.toString(), /swarmrun/);
});
