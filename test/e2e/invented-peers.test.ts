/** Somebody on the network says by mDNS that thousands of peers are there which are not. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { checkout } from '../rig/child.ts';
import { SwarmRig } from '../rig/swarm-rig.ts';

const poison = path.join(checkout, 'dist/test/rig/mdns-poison.js');

test('thousands of invented peers cost a few lines in the log, and honest ones are found meanwhile', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 3, peers: ['m1'] });
  const attack = swarm.start('m2', [process.execPath, poison, '3000', '300', '/ip4/10.99.0.2/tcp/9']);
  await swarm.startPeer('m3');
  await swarm.untilSees('m1', 1, 30_000);
  assert.equal((await attack.ended).status, 0);
  const logFile = '"$XDG_RUNTIME_DIR"/buildswarm/peer.log';
  const cpu = "ps -e -o cputimes=,args= | awk '/[b]in\\/buildswarm daemon/ {print $1}'";
  t.diagnostic(`m1 has used ${(await swarm.check('m1', ['sh', '-c', cpu])).trim()} s of CPU`);
  const log = await swarm.check('m1', ['sh', '-c', `cat ${logFile}`]);
  assert.match(log, /only heard of cannot be reached/, 'some were dialled');
  const invented = log.split('\n').filter((line) => /could not connect|only heard of/.test(line));
  assert.ok(invented.length <= 3, invented.join('\n'));
  assert.ok(log.length < 20_000, `${log.length} bytes`);
});
