/** A peer that has no descriptor left (EMFILE), as with a low `ulimit -n` and many connections and jobs: it goes on. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { type Host } from '../rig/lan.ts';
import { SwarmRig } from '../rig/swarm-rig.ts';
import { until } from '../rig/until.ts';

const inPeer = (script: string): string[] => [
  'sh',
  '-c',
  `pid=$(ps -e -o pid=,args= | awk '/[b]in\\/buildswarm daemon/ {print $1}'); ${script}`,
];
const highest = 'ls /proc/$pid/fd | sort -n | tail -1';

test('a peer that runs out of descriptors', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 3, slots: 4 });
  const limit = async (host: Host, spare: number): Promise<void> => {
    await swarm.check(host, inPeer(`prlimit --pid $pid --nofile=$(($(${highest}) + 1 + ${spare})):`));
  };
  const lift = (host: Host) => swarm.check(host, inPeer('prlimit --pid $pid --nofile=4096:'));
  /** So many jobs at once, all of which must end as if nothing were. */
  const build = async (count: number): Promise<void> => {
    const jobs = Array.from({ length: count }, async (_, n) => {
      const name = `${n}.c`;
      await writeFile(path.join(swarm.share, name), `int f${n}(void) { return ${n}; }\n`);
      return await swarm.exec('m1', ['swarmrun', 'gcc', '-c', name, '-o', `${n}.o`]);
    });
    for (const { status, stderr } of await Promise.all(jobs))
      assert.deepEqual([status, stderr.toString()], [0, '']);
  };
  const assertWell = async (host: Host): Promise<void> => {
    const log = await swarm.check(host, ['sh', '-c', 'cat "$XDG_RUNTIME_DIR"/buildswarm/peer.log']);
    assert.doesNotMatch(log, /internal fault|uncaught|\n {4}at /);
    assert.match(await swarm.check(host, inPeer('ps -o args= -p $pid')), /buildswarm daemon/);
  };

  for (const host of ['m2', 'm1'] as const) {
    for (const spare of [0, 1, 2, 3, 5, 9])
      await t.test(`${host}, with ${spare} left`, async () => {
        await limit(host, spare);
        await build(24);
        await lift(host);
        await assertWell(host);
      });
    await t.test(`${host} is as it was when there are some again`, async () => {
      await until(
        async () => (await swarm.status('m1')).peers.filter(({ state }) => state === 'ready').length === 2,
        30_000,
        'm1 sees both',
      );
      await until(
        async () => {
          const { stdout } = await swarm.exec('m1', ['buildswarm', 'run', '--remote', 'hostname']);
          return stdout.toString() === 'm2\n';
        },
        90_000,
        'm2 runs jobs for m1 again',
      );
    });
  }
});
