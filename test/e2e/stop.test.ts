/** `buildswarm stop`: what it waits for, at both ends of a job. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import type { Ended } from '../rig/child.ts';
import type { Host } from '../rig/lan.ts';
import { SwarmRig } from '../rig/swarm-rig.ts';
import { until } from '../rig/until.ts';

/** Asks a peer to stop, and returns when it says for how much it waits; fails if it ends instead. */
async function stopWaiting(
  swarm: SwarmRig,
  host: Host,
): Promise<{ readonly said: string; readonly ended: Promise<Ended> }> {
  const stop = swarm.start(host, ['buildswarm', 'stop']);
  let said = '';
  stop.child.stderr?.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const hasEnded = (): boolean => stop.child.exitCode !== null;
  await until(() => said.endsWith('\n') || hasEnded(), 10_000, 'it says for what it waits');
  assert.equal(hasEnded(), false, 'the peer has ended, and waited for nothing');
  return { said, ended: stop.ended };
}

test('a peer passes on what a job has said before it ends, however late that is read', {
  timeout: 120_000,
}, async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 2 });
  const place = (name: string): string => path.join(swarm.share, name);
  // More than the socket and the pipe hold between them.
  await writeFile(place('job'), 'head -c 700000 /dev/zero');
  const reads = 'until [ -e read ]; do sleep 0.02; done; wc -c';
  const run = swarm.start('m1', [
    'bash',
    '-c',
    `swarmrun --remote sh job | (${reads}); echo \${PIPESTATUS[0]}`,
  ]);
  await until(
    async () => (await swarm.explainJobs('m1')).some(({ endedAtMs }) => endedAtMs !== undefined),
    10_000,
    'the job has ended',
  );
  const stop = await stopWaiting(swarm, 'm1');
  assert.match(stop.said, /waiting for 1 job /);
  await writeFile(place('read'), '');
  assert.equal((await run.ended).stdout.toString(), '700000\n0\n');
  assert.equal((await stop.ended).status, 0);
});

test('a worker ends when its submitter has taken what it said last', { timeout: 120_000 }, async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 2 });
  const place = (name: string): string => path.join(swarm.share, name);
  // More than is sent to a peer that takes nothing.
  await writeFile(
    place('job'),
    'echo $$ >pid; until [ -e go ]; do sleep 0.02; done; head -c 600000 /dev/zero',
  );
  const run = swarm.start('m1', ['sh', '-c', 'swarmrun --remote sh job | wc -c']);
  await until(() => existsSync(place('pid')), 10_000, 'the job has begun');
  await swarm.signalPeer('m1', 'STOP');
  await writeFile(place('go'), '');
  await until(async () => (await swarm.jobs('m2')).length === 0, 10_000, 'the job has ended');
  const stop = await stopWaiting(swarm, 'm2');
  await swarm.signalPeer('m1', 'CONT');
  assert.equal((await run.ended).stdout.toString(), '600000\n');
  assert.equal((await stop.ended).status, 0);
  const [job] = await swarm.explainJobs('m1');
  assert.deepEqual([job?.place, job?.reasons], ['m2', []]);
});
