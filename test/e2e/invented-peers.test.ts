/** Somebody on the network says that thousands of peers are there which are not, or floods one with beats or streams. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { checkout } from '../rig/child.ts';
import { SwarmRig } from '../rig/swarm-rig.ts';

const poison = path.join(checkout, 'dist/test/rig/mdns-poison.js');
const attack = path.join(checkout, 'dist/test/rig/attack.js');

test('thousands of invented peers cost a few lines in the log, and honest ones are found meanwhile', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 3, peers: ['m1'] });
  const poisoning = swarm.start('m2', [process.execPath, poison, '3000', '300', '/ip4/10.99.0.2/tcp/9']);
  await swarm.startPeer('m3');
  await swarm.untilSees('m1', 1, 30_000);
  assert.equal((await poisoning.ended).status, 0);
  const logFile = '"$XDG_RUNTIME_DIR"/buildswarm/peer.log';
  const cpu = "ps -e -o cputimes=,args= | awk '/[b]in\\/buildswarm daemon/ {print $1}'";
  t.diagnostic(`m1 has used ${(await swarm.check('m1', ['sh', '-c', cpu])).trim()} s of CPU`);
  const log = await swarm.check('m1', ['sh', '-c', `cat ${logFile}`]);
  assert.match(log, /only heard of cannot be reached/, 'some were dialled');
  const invented = log.split('\n').filter((line) => /could not connect|only heard of/.test(line));
  assert.ok(invented.length <= 3, invented.join('\n'));
  assert.ok(log.length < 20_000, `${log.length} bytes`);
});

test('a host that floods a peer is not let in again for a while; others are, and those on it that are dialled', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 3, peers: ['m1'] });
  const { self } = await swarm.status('m1');
  const address = self.addresses.find((one) => one.includes('/10.')) ?? '';
  const met = async (): Promise<number> => {
    const log = await swarm.check('m1', ['sh', '-c', 'cat "$XDG_RUNTIME_DIR"/buildswarm/peer.log']);
    return log.split('\n').filter((line) => /"peer met"/.test(line) && /"evil"/.test(line)).length;
  };
  for (const [kind, host] of [
    ['beats', 'm2'],
    ['streams', 'm3'],
  ] as const) {
    const before = await met();
    // It connects again as often as it may.
    const ended = await swarm.exec(host, [process.execPath, attack, kind, address, '4']);
    assert.equal(ended.status, 0);
    assert.equal((await met()) - before, 1, `connections of the ${kind}`);
  }
  await swarm.startPeer('m3');
  await swarm.untilSees('m1', 1, 30_000);
});
