/** What commands leave in the background, on the other machine as it would be here. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { SwarmRig } from '../rig/swarm-rig.ts';

test('what a command leaves in the background', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 2 });
  const remote = (script: string): Promise<string> =>
    swarm.check('m1', ['swarmrun', '--remote', 'bash', '-c', script]);
  const file = (name: string): Promise<string> => readFile(path.join(swarm.share, name), 'utf8');

  await t.test('says all that it has to say', async () => {
    for (let round = 0; round < 10; round += 1) {
      const said = await remote('seq 20000 > >(sed s/1/one/ | tee lines)');
      assert.equal(said.split('\n').length, 20_001);
      assert.equal(await file('lines'), said);
    }
  });

  await t.test('does what it has to do', async () => {
    assert.equal(await remote('(sleep 1; echo done >late.txt) & echo started'), 'started\n');
    assert.equal(await file('late.txt'), 'done\n');
  });

  await t.test('lives on where it ran, and why says so', async () => {
    assert.equal(await remote('sleep 4711 >/dev/null 2>&1 & echo started'), 'started\n');
    const isSleeping = (line: string): boolean => line.includes('sleep 4711');
    assert.ok((await swarm.jobs('m2')).some(isSleeping));
    assert.match(await swarm.check('m1', ['buildswarm', 'why']), /left-behind/);
    await swarm.stopPeer('m2');
    assert.ok(!(await swarm.jobs('m2')).some(isSleeping));
  });
});
