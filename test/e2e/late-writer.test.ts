/** A machine that slept, or a peer that stood still, while its job in place ran again elsewhere: it writes no more. */
import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { SwarmRig } from '../rig/swarm-rig.ts';
import { until } from '../rig/until.ts';

/** Everything on the machine but what sends this. */
const signalAll = (signal: 'STOP' | 'CONT'): string[] => ['sh', '-c', `kill -${signal} -1`];

test('a late writer', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 2 });
  const out = path.join(swarm.share, 'out');
  const runs = (line: string): boolean => line.includes('sh job');

  await t.test('whose peer is frozen for good ends before its job runs again', async () => {
    await writeFile(path.join(swarm.share, 'job'), 'sleep 11; hostname >>out');
    const running = swarm.start('m1', ['swarmrun', 'sh', 'job']);
    await until(async () => (await swarm.jobs('m2')).some(runs), 5_000, 'it runs on m2');
    await swarm.signalPeer('m2', 'STOP');
    assert.equal((await running.ended).status, 0);
    assert.ok(!(await swarm.jobs('m2')).some(runs), 'it still runs on m2');
    assert.equal(await readFile(out, 'utf8'), 'm1\n');
    await swarm.signalPeer('m2', 'CONT');
    await swarm.untilSees('m1', 1, 30_000);
  });

  await t.test('that wakes with its whole machine ends before it writes', async () => {
    await rm(out);
    // Not at once: its supervisor wakes in the same moment, and may be the last to get a core.
    await writeFile(path.join(swarm.share, 'job'), 'sleep 2; sleep 1; hostname >>out');
    const running = swarm.start('m1', ['swarmrun', 'sh', 'job']);
    await until(async () => (await swarm.jobs('m2')).some(runs), 5_000, 'it runs on m2');
    await swarm.exec('m2', signalAll('STOP'));
    assert.equal((await running.ended).status, 0);
    await swarm.exec('m2', signalAll('CONT'));
    await until(async () => !(await swarm.jobs('m2')).some(runs), 5_000, 'nothing of it is left on m2');
    assert.equal(await readFile(out, 'utf8'), 'm1\n');
  });
});
