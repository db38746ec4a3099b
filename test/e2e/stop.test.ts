/** `buildswarm stop`: what it waits for, at both ends of a job. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import type { Ended } from '../rig/child.ts';
import type { Host } from '../rig/lan.ts';
import { Leavings } from '../rig/leavings.ts';
import { SwarmRig } from '../rig/swarm-rig.ts';
import { treeObstacle } from '../rig/tree-lab.ts';
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

const project = '/srv/project';

/** What runs there when its worker is stopped; each writes where a command of its kind does, and then waits. */
const interrupted = {
  'an opaque command': 'swarmrun --remote sh job',
  'a compile': 'swarmrun --remote gcc -c a.c -o a.o',
  "a command in its caller's files": `cd ${project}; swarmrun --remote sh job`,
};

for (const [what, command] of Object.entries(interrupted))
  test(`${what} leaves nothing on a worker that is stopped at once`, {
    skip: (command.includes(project) && treeObstacle()) || false,
    timeout: 120_000,
  }, async (t) => {
    await using swarm = await SwarmRig.start(t, { machines: 2, ownRoots: ['/srv'] });
    const waits = 'date >$(mktemp); date >$(mktemp -d)/made; date >made; exec sleep 1000';
    await swarm.check('m1', ['sh', '-c', `mkdir ${project}; echo '${waits}' | tee job >${project}/job`]);
    await writeFile(path.join(swarm.share, 'a.c'), 'int a;\n#include "slow.h"\n');
    // The compiler waits for somebody to write into it.
    await swarm.check('m1', ['mkfifo', 'slow.h']);
    const leavings = await Leavings.start(swarm, project);
    const run = swarm.start('m1', ['sh', '-c', command]);
    const isRunning = async (): Promise<boolean> =>
      (await swarm.jobs('m2')).some((line) => /sleep 1000|cc1/.test(line));
    await until(isRunning, 10_000, 'it runs on m2');
    await swarm.check('m2', ['buildswarm', 'stop', '--now']);
    let left: string[] = [];
    const isClean = async (): Promise<boolean> => (left = await leavings.on('m2')).length === 0;
    await until(isClean, 1_000, 'm2 is clean').catch((error: unknown) => {
      throw new Error(`this is left: ${left.join('; ')}`, { cause: error });
    });
    const hidden = (await readdir(swarm.share)).filter((name) => /^\.(?!buildswarm$)/.test(name));
    assert.deepEqual(hidden, []);
    run.signalGroup('SIGKILL');
    await run.ended;
  });

test('stop of a frozen peer, at once too, ends with a sentence that names its process', {
  timeout: 120_000,
}, async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 1 });
  await swarm.signalPeer('m1', 'STOP');
  for (const argv of [
    ['buildswarm', 'stop', '--now'],
    ['buildswarm', 'stop'],
  ]) {
    const { status, stderr } = await swarm.exec('m1', argv, { timeoutMs: 40_000 });
    assert.equal(status, 1);
    assert.match(stderr.toString(), /^buildswarm: .*process (\d+) is stopped by a signal.*kill -CONT \1/);
  }
  await swarm.signalPeer('m1', 'CONT');
});
