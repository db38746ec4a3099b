/**
 * What a compiler is, is asked before a job comes. A question that is killed once is not its answer: the worker asks again,
 * and takes jobs.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SwarmRig } from '../rig/swarm-rig.ts';
import { until } from '../rig/until.ts';

/** A compiler that says where it runs, and whose first question on a machine with that file is killed. */
const compiler = `#!/bin/sh
case $1 in
-print-search-dirs) if [ -e /etc/question-dies ]; then rm /etc/question-dies; kill -9 $$; fi ;;
where) exec hostname ;;
esac
exec /usr/bin/gcc "$@"
`;

test('a worker whose compiler was killed at the first question takes jobs of it soon', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 2, ownRoots: ['/etc', '/usr/local'] });
  const install = ['sh', '-c', 'cat >/usr/local/bin/gcc && chmod 755 /usr/local/bin/gcc'];
  for (const host of swarm.lan.hosts) await swarm.check(host, install, { stdin: compiler });
  await swarm.check('m2', ['touch', '/etc/question-dies']);

  await swarm.untilSees('m1', 1);
  const where = async () => (await swarm.check('m1', ['swarmrun', '/usr/local/bin/gcc', 'where'])).trim();
  assert.equal(await where(), 'm1', 'while it is not known what the compiler is, nothing runs there');
  assert.equal((await swarm.exec('m2', ['ls', '/etc/question-dies'])).status, 2, 'the question was killed');
  await until(async () => (await where()) === 'm2', 20_000, 'it runs on m2');
});

/** A compiler that counts how often it is asked. */
const counting = `#!/bin/sh
echo "$*" >>/usr/local/asked
exec /usr/bin/g++ "$@"
`;

test('a peer knows the usual compilers before its first job', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 1, peers: [], ownRoots: ['/usr/local'] });
  const install = ['sh', '-c', 'cat >/usr/local/bin/g++ && chmod 755 /usr/local/bin/g++'];
  await swarm.check('m1', install, { stdin: counting });
  await swarm.startPeer('m1');
  const asked = async () => (await swarm.exec('m1', ['cat', '/usr/local/asked'])).stdout.toString();
  await until(async () => (await asked()).split('\n').length === 3, 20_000, 'it was asked twice');
  assert.deepEqual((await asked()).trim().split('\n').toSorted(), ['--version', '-print-search-dirs']);
});
