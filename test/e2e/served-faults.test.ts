/**
 * What runs in the files of its caller's machine, when one of those that take part is killed, frozen or cut off in the
 * middle: every build ends as if nothing had happened, and nothing is left of what was lost.
 *
 * BUILDSWARM_FAULT_ROUNDS: how often each happens, those too that otherwise do not; BUILDSWARM_FAULT_SEED: chooses the moments;
 * BUILDSWARM_FAULT_ONLY: a part of the names of what happens.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRandom, nextInteger } from '../../src/core/random.ts';
import { checked } from '../rig/child.ts';
import type { Host } from '../rig/lan.ts';
import { SwarmRig } from '../rig/swarm-rig.ts';
import { treeObstacle } from '../rig/tree-lab.ts';
import { until } from '../rig/until.ts';

const number = (name: string, otherwise: number): number => Number(process.env[name] ?? otherwise);
const rounds = number('BUILDSWARM_FAULT_ROUNDS', 1);
const firstSeed = number('BUILDSWARM_FAULT_SEED', 1);
const only = process.env['BUILDSWARM_FAULT_ONLY'] ?? '';
const isAll = process.env['BUILDSWARM_FAULT_ROUNDS'] !== undefined;
const project = '/srv/project';
const units = 12;
const jobsMs = 500;

const sources = `mkdir -p ${project} && cd ${project} && for i in $(seq ${units}); do echo "int f$i;" >u$i.c; done`;
/** Each waits before it writes, and then writes much: what happens meets it before, or while what it wrote comes home. */
const builds = (prefix: string): string =>
  `cd ${project} && seq ${units} | xargs -P6 -I@ ${prefix} sh -c 'sleep ${jobsMs / 1000}; gcc -c $0.c -o $0.o && yes $0 | head -c 6000000 >$0.much' u@`;
const made = `cd ${project} && ls -A && sha256sum *.o *.much`;
const clean = `cd ${project} && rm -f *.o *.much`;

const peer = /bin\/buildswarm daemon/;
const swarmfs = /bin\/swarmfs/;
const swarmtree = /bin\/swarmtree/;

/** Processes of a program on a machine. */
async function pidsOf(swarm: SwarmRig, host: Host, pattern: RegExp): Promise<string[]> {
  return (await swarm.lan.processes(host))
    .filter((line) => pattern.test(line))
    .map((line) => line.split(/\s+/)[0] ?? '');
}

async function signal(
  swarm: SwarmRig,
  host: Host,
  name: 'KILL' | 'STOP' | 'CONT',
  pattern: RegExp,
): Promise<void> {
  const pids = await pidsOf(swarm, host, pattern);
  // What was frozen may have been given up and ended meanwhile, and one may end with another, before its turn has come.
  if (pids.length > 0) await swarm.exec(host, ['kill', `-${name}`, ...pids]);
  if (name !== 'KILL') return;
  const isThere = async (): Promise<boolean> =>
    (await pidsOf(swarm, host, pattern)).some((pid) => pids.includes(pid));
  await until(async () => !(await isThere()), 10_000, `none of ${pids.join(' ')} is left`);
}

async function untilGivenUp(swarm: SwarmRig, by: Host): Promise<void> {
  await until(
    async () => (await swarm.status(by)).peers.some(({ state }) => state !== 'ready'),
    30_000,
    `${by} has noticed`,
  );
}

interface Harm {
  readonly what: string;
  /** In the middle of the build. */
  readonly harm: (swarm: SwarmRig) => Promise<void>;
  /** When the build is over. */
  readonly mend?: (swarm: SwarmRig) => Promise<void>;
  /** Happens only if rounds are asked for: it is waited for by the clock, and others show most of it. */
  readonly isLong?: boolean;
}

const harms: readonly Harm[] = [
  {
    what: 'the worker is killed',
    harm: (swarm) => signal(swarm, 'm2', 'KILL', peer),
    mend: (swarm) => swarm.startPeer('m2'),
  },
  { what: 'swarmfs is killed', harm: (swarm) => signal(swarm, 'm2', 'KILL', swarmfs) },
  { what: 'swarmtree is killed', harm: (swarm) => signal(swarm, 'm1', 'KILL', swarmtree) },
  {
    what: 'the submitter is killed',
    harm: (swarm) => signal(swarm, 'm1', 'KILL', peer),
    mend: (swarm) => swarm.startPeer('m1'),
  },
  {
    what: 'the worker is frozen',
    harm: async (swarm) => {
      await signal(swarm, 'm2', 'STOP', peer);
      await untilGivenUp(swarm, 'm1');
      // What it says late is dropped.
      await signal(swarm, 'm2', 'CONT', peer);
    },
  },
  {
    what: 'the submitter is frozen',
    isLong: true,
    harm: async (swarm) => {
      await signal(swarm, 'm1', 'STOP', peer);
      // Long enough to be missed by the workers, and not by the wrappers.
      await sleep(4_000);
      await signal(swarm, 'm1', 'CONT', peer);
    },
  },
  {
    what: 'swarmfs is frozen',
    isLong: true,
    harm: (swarm) => signal(swarm, 'm2', 'STOP', swarmfs),
    mend: (swarm) => signal(swarm, 'm2', 'CONT', swarmfs),
  },
  {
    what: 'swarmtree is frozen',
    isLong: true,
    harm: (swarm) => signal(swarm, 'm1', 'STOP', swarmtree),
    mend: (swarm) => signal(swarm, 'm1', 'CONT', swarmtree),
  },
  {
    what: 'the worker is cut off',
    isLong: true,
    harm: (swarm) => swarm.lan.cut('m2'),
    mend: (swarm) => swarm.lan.mend('m2'),
  },
  {
    what: 'the submitter is cut off',
    isLong: true,
    harm: (swarm) => swarm.lan.cut('m1'),
    mend: (swarm) => swarm.lan.mend('m1'),
  },
];

/** Processes besides peers and what each peer has as long as it runs. */
const lasting = /bin\/(?:buildswarm daemon|swarmexec|swarmlook|swarmtree|swarmfs)|dist\/src\//;

function namesIn(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory).map((name) => path.join(directory, name)) : [];
}

/** What there is that should not be; empty: nothing. */
async function leftOf(swarm: SwarmRig): Promise<string[]> {
  const [hidden, ...ofHosts] = await Promise.all([
    swarm.exec('m1', ['find', project, '-name', '.*']),
    ...swarm.lan.hosts.map(async (host) => {
      const lines = await swarm.lan.processes(host);
      const isUp = lines.some((line) => peer.test(line));
      // Helpers of a peer that has ended end with it, and none that was frozen is of use any more.
      const isKept = (line: string): boolean => isUp && lasting.test(line) && !/^\d+ +\d+ +T/u.test(line);
      const left = lines.filter((line) => !isKept(line)).map((line) => `${host}: ${line}`);
      const running = isUp ? (await swarm.status(host)).self.running : 0;
      return { isUp, left: [...left, ...(running > 0 ? [`${host}: ${running} slots are in use`] : [])] };
    }),
  ]);
  const caches = namesIn(path.join(swarm.lan.cache, 'trees'));
  const isOneTooMany = caches.length > ofHosts.filter(({ isUp }) => isUp).length;
  return [
    ...ofHosts.flatMap(({ left }) => left),
    ...(isOneTooMany ? caches : []),
    ...caches.flatMap(namesIn).flatMap((tree) => namesIn(path.join(tree, 'jobs'))),
    ...hidden.stdout.toString().split('\n').filter(Boolean),
  ];
}

/** @returns after how many ms nothing was left. */
async function untilNothingLeft(swarm: SwarmRig): Promise<number> {
  const begun = performance.now();
  let left: string[] = [];
  try {
    await until(
      async () => {
        left = await leftOf(swarm);
        return left.length === 0;
      },
      3_000,
      'nothing is left of the jobs',
    );
  } catch (error) {
    throw new Error(`this is left: ${left.join('; ')}`, { cause: error });
  }
  return Math.round(performance.now() - begun);
}

test('builds end as if nothing had happened', {
  skip: treeObstacle() ?? false,
  timeout: 60_000 + rounds * harms.length * 60_000,
}, async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 3, slots: 3, ownRoots: ['/srv'] });
  await swarm.check('m1', ['bash', '-c', sources]);
  await swarm.check('m1', ['bash', '-c', builds('')], { timeoutMs: 120_000 });
  const expected = await swarm.check('m1', ['bash', '-c', made]);

  for (const { what, harm, mend } of harms.filter(
    (one) => one.what.includes(only) && (isAll || one.isLong !== true),
  ))
    await t.test(`though ${what}`, async (tt) => {
      for (let round = 0; round < rounds; round += 1) {
        const random = createRandom(firstSeed + round);
        const mostMs = 2 * jobsMs + 200;
        const afterMs = nextInteger(random, mostMs);
        await swarm.check('m1', ['bash', '-c', clean]);
        const running = swarm.start('m1', ['bash', '-c', builds('swarmrun')], { timeoutMs: 120_000 });
        await until(
          async () => (await pidsOf(swarm, 'm2', /sleep 0/)).length > 0,
          30_000,
          'the worker runs some',
        );
        // Not waited for anything: the moment is to be any.
        await sleep(afterMs);
        await harm(swarm);
        const begun = performance.now();
        const ended = await running.ended;
        const buildMs = Math.round(performance.now() - begun);
        checked(['the build'], ended);
        assert.deepEqual([ended.stdout.toString(), ended.stderr.toString()], ['', '']);
        assert.equal(await swarm.check('m1', ['bash', '-c', made]), expected);
        await mend?.(swarm);
        const leftMs = await untilNothingLeft(swarm);
        tt.diagnostic(`${afterMs} ms: ended after ${buildMs} ms more, nothing left after ${leftMs} ms`);
        await swarm.untilSees('m1', 2, 30_000);
      }
    });
});
