/** Much output to a slow reader: nothing breaks, and neither peer grows. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Host } from '../rig/lan.ts';
import { SwarmRig } from '../rig/swarm-rig.ts';
import { until } from '../rig/until.ts';

const megabytes = 100;

async function residentMb(swarm: SwarmRig, host: Host): Promise<number> {
  const script =
    'for p in /proc/[0-9]*; do grep -qa "daemon" $p/cmdline 2>/dev/null && grep -h VmRSS $p/status; done; true';
  const told = await swarm.check(host, ['sh', '-c', script]);
  return Math.max(...[...told.matchAll(/VmRSS:\s+(\d+) kB/g)].map((match) => Number(match[1]) / 1024));
}

test(`${megabytes} MB of stdout to a slow reader neither break nor grow anything`, async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 2, slots: 2 });
  await swarm.untilSees('m1', 1);
  // What any output costs at first is not counted: code is compiled, the heap finds its size.
  for (let at = 0; at < 3; at += 1)
    await swarm.check('m1', ['sh', '-c', 'swarmrun head -c 20000000 /dev/zero | tail -c 1']);
  const before = { m1: await residentMb(swarm, 'm1'), m2: await residentMb(swarm, 'm2') };
  // The reader takes nothing until it is told to, then all.
  const script = `mkfifo go; swarmrun sh -c 'yes 0123456789abcde | head -c ${megabytes}000000' | (read x <go; md5sum)`;
  const running = swarm.start('m1', ['sh', '-c', script], { cwd: swarm.share });
  await until(
    async () => (await swarm.jobs('m2')).some((line) => line.includes('yes')),
    5_000,
    'the job runs on m2',
  );
  let peak = { ...before };
  let still = 0;
  // Whatever can pile up has done so when neither has grown for a while.
  await until(
    async () => {
      const now = { m1: await residentMb(swarm, 'm1'), m2: await residentMb(swarm, 'm2') };
      still = now.m1 < peak.m1 + 1 && now.m2 < peak.m2 + 1 ? still + 1 : 0;
      peak = { m1: Math.max(peak.m1, now.m1), m2: Math.max(peak.m2, now.m2) };
      return still >= 5;
    },
    20_000,
    'memory grows no more',
  );
  await swarm.check('m1', ['sh', '-c', 'echo >go'], { cwd: swarm.share });
  const ended = await running.ended;
  assert.equal(ended.status, 0, ended.stderr.toString());
  const expected = await swarm.check('m1', [
    'sh',
    '-c',
    `yes 0123456789abcde | head -c ${megabytes}000000 | md5sum`,
  ]);
  assert.equal(ended.stdout.toString(), expected);
  t.diagnostic(`resident before ${JSON.stringify(before)}, at most ${JSON.stringify(peak)} MB`);
  assert.ok(peak.m1 - before.m1 < 24 && peak.m2 - before.m2 < 24, JSON.stringify({ before, peak }));
});
