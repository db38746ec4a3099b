/** What runs in the files of its caller's machine, when one of those that take part ends in the middle. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { checked } from '../rig/child.ts';
import type { Host } from '../rig/lan.ts';
import { SwarmRig } from '../rig/swarm-rig.ts';
import { treeObstacle } from '../rig/tree-lab.ts';
import { until } from '../rig/until.ts';

const options = { skip: treeObstacle() ?? false, timeout: 240_000 };
const project = '/srv/project';
const units = 12;

const sources = `mkdir -p ${project} && cd ${project} && for i in $(seq ${units}); do echo "int f$i;" >u$i.c; done`;
/** Each waits before it writes, so that it is in its middle when something ends. */
const builds = (prefix: string): string =>
  `cd ${project} && seq ${units} | xargs -P6 -I@ ${prefix} sh -c 'sleep 1; gcc -c $0.c -o $0.o && cp $0.c $0.copy' u@`;
const made = `cd ${project} && ls -A && sha256sum *.o *.copy`;

/** Process ids of a program on a machine. */
async function pidsOf(swarm: SwarmRig, host: Host, pattern: RegExp): Promise<string[]> {
  return (await swarm.lan.processes(host))
    .filter((line) => pattern.test(line))
    .map((line) => line.split(/\s+/)[0] ?? '');
}

async function kill(swarm: SwarmRig, host: Host, pattern: RegExp): Promise<void> {
  const pids = await pidsOf(swarm, host, pattern);
  assert.ok(pids.length > 0, `${host} runs none of ${pattern}`);
  // One may end with another, before its turn has come; then `kill` complains.
  await swarm.exec(host, ['kill', '-KILL', ...pids]);
  const isThere = async (): Promise<boolean> =>
    (await pidsOf(swarm, host, pattern)).some((pid) => pids.includes(pid));
  await until(async () => !(await isThere()), 10_000, `none of ${pids.join(' ')} is left`);
}

/** What jobs have left in a directory of a peer, that of one which has ended too. */
function scratches(swarm: SwarmRig): string[] {
  const { cache } = swarm.lan;
  const below = (directory: string): string[] =>
    existsSync(directory) ? readdirSync(directory).map((name) => path.join(directory, name)) : [];
  return below(path.join(cache, 'trees'))
    .flatMap(below)
    .flatMap((tree) => below(path.join(tree, 'jobs')));
}

/** Processes besides peers and what each peer has as long as it runs. */
const lasting = /bin\/(?:buildswarm|swarmexec|swarmlook|swarmtree|swarmfs)|dist\/src\//;

async function assertNothingLeft(swarm: SwarmRig): Promise<void> {
  await until(
    async () => {
      for (const host of swarm.lan.hosts) {
        const lines = await swarm.lan.processes(host);
        if (lines.some((line) => !lasting.test(line))) return false;
        // Helpers of a peer that has ended end with it.
        const peers = lines.some((line) => line.includes('bin/buildswarm daemon'));
        if (!peers && lines.length > 0) return false;
      }
      return scratches(swarm).length === 0;
    },
    10_000,
    'nothing is left of the jobs',
  );
}

async function buildsThrough(t: TestContext, harm: (swarm: SwarmRig) => Promise<void>): Promise<void> {
  await using swarm = await SwarmRig.start(t, { machines: 3, slots: 3, ownRoots: ['/srv'] });
  await swarm.check('m1', ['bash', '-c', sources]);
  await swarm.check('m1', ['bash', '-c', builds('')], { timeoutMs: 120_000 });
  const expected = await swarm.check('m1', ['bash', '-c', made]);
  await swarm.check('m1', ['bash', '-c', `rm -f ${project}/*.o ${project}/*.copy`]);

  const running = swarm.start('m1', ['bash', '-c', builds('swarmrun')], { timeoutMs: 120_000 });
  await until(async () => (await pidsOf(swarm, 'm2', /sleep 1/)).length > 0, 30_000, 'm2 runs some');
  await harm(swarm);
  const ended = await running.ended;
  checked(['the build'], ended);
  assert.deepEqual([ended.stdout.toString(), ended.stderr.toString()], ['', '']);
  assert.equal(await swarm.check('m1', ['bash', '-c', made]), expected);
  await assertNothingLeft(swarm);
}

const peer = /bin\/buildswarm daemon/;

test('a worker that is killed: its jobs run elsewhere', options, (t) =>
  buildsThrough(t, (swarm) => kill(swarm, 'm2', peer)),
);

test('a swarmfs that is killed: its jobs run again', options, (t) =>
  buildsThrough(t, (swarm) => kill(swarm, 'm2', /bin\/swarmfs/)),
);

test('a swarmtree that is killed: all jobs run again', options, (t) =>
  buildsThrough(t, (swarm) => kill(swarm, 'm1', /bin\/swarmtree/)),
);

test('a submitter that is killed: wrappers run their commands', options, (t) =>
  buildsThrough(t, (swarm) => kill(swarm, 'm1', peer)),
);

test('a worker that freezes: its jobs run elsewhere, and what it says later is dropped', options, (t) =>
  buildsThrough(t, async (swarm) => {
    await swarm.signalPeer('m2', 'STOP');
    await until(
      async () => (await swarm.status('m1')).peers.some(({ state }) => state !== 'ready'),
      30_000,
      'm2 is suspect',
    );
    await swarm.signalPeer('m2', 'CONT');
  }),
);
