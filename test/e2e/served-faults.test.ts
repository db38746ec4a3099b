/**
 * What runs in the files of its caller's machine, when one of those that take part is killed, frozen or cut off in the
 * middle: every build ends as if nothing had happened, in time, and three seconds later nothing is left of what was lost.
 * A machine that is cut off cannot know it at once: it has its lease to notice, and then three seconds.
 *
 * BUILDSWARM_FAULT_ROUNDS: how often each happens, those too that otherwise do not; BUILDSWARM_FAULT_SEED: chooses the moments;
 * BUILDSWARM_FAULT_ONLY: a part of the names of what happens.
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRandom, nextInteger } from '../../src/core/random.ts';
import { defaultPulse } from '../../src/swarm/pulse.ts';
import { checked } from '../rig/child.ts';
import type { Host } from '../rig/lan.ts';
import { Leavings } from '../rig/leavings.ts';
import { startPressure } from '../rig/pressure.ts';
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
/** Bounds on a machine that has nothing else to do. */
const leftMostMs = 3_000;
/** A build, and once more what was lost, when it is known. */
const builtMostMs = 4_000;
/** From the last word that it may have heard until a machine knows that it was cut off: its lease, and the tick that looks. */
const noticedMs = defaultPulse.watchedLostMs + defaultPulse.watchedBeatMs / 4;

const sources = `mkdir -p ${project} && cd ${project} && for i in $(seq ${units}); do echo "int f$i;" >u$i.c; done`;
/** Each waits before it writes, and then writes much: what happens meets it before, or while what it wrote comes home. */
const builds = (prefix: string): string =>
  `cd ${project} && seq ${units} | xargs -P6 -I@ ${prefix} sh -c 'sleep ${jobsMs / 1000}; gcc -c $0.c -o $0.o && yes $0 | head -c 6000000 >$0.much' u@`;
const made = `cd ${project} && ls -A && sha256sum *.o *.much`;
const clean = `cd ${project} && rm -f *.o *.much`;

const peer = /bin\/buildswarm daemon/;
const swarmfs = /bin\/swarmfs/;
const swarmtree = /bin\/swarmtree/;
const pool = /bin\/swarmjob .*--idle-ms/;

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

/** Until it was noticed that the peer of a machine is silent, or nothing can notice it any more. */
async function untilNoticed(
  swarm: SwarmRig,
  by: Host,
  of: Host,
  isOver: () => Promise<boolean>,
): Promise<void> {
  await until(
    async () =>
      (await swarm.status(by)).peers.every(({ name, state }) => name !== of || state !== 'ready') ||
      (await isOver()),
    15_000,
    `${by} has noticed that ${of} is silent`,
  );
}

interface Harm {
  readonly what: string;
  /** In the middle of the build. */
  readonly harm: (swarm: SwarmRig, isBuilt: () => boolean) => Promise<void>;
  /** When the build is over. */
  readonly mend?: (swarm: SwarmRig) => Promise<void>;
  /** How long it takes until those know that wait for what was lost. */
  readonly knownMs: number;
  /** Machines that then cannot know it yet. */
  readonly isolated?: readonly Host[];
  /** The machine whose peer is killed: the next one removes the directory that it had. */
  readonly killed?: Host;
  /** Happens only if rounds are asked for: it is waited for by the clock, and others show most of it. */
  readonly isLong?: boolean;
}

/** Silence until a peer is suspected and what runs there is started elsewhere. */
const suspectedMs = defaultPulse.suspectMs + defaultPulse.watchedBeatMs / 4;
/** Looks until a helper that hangs is given up: src/tree/helper-watch.ts. */
const hungMs = 5_000;

const harms: readonly Harm[] = [
  {
    what: 'the worker is killed',
    killed: 'm2',
    knownMs: 0,
    harm: (swarm) => signal(swarm, 'm2', 'KILL', peer),
    mend: (swarm) => swarm.startPeer('m2'),
  },
  { what: 'swarmfs is killed', knownMs: 0, harm: (swarm) => signal(swarm, 'm2', 'KILL', swarmfs) },
  {
    what: 'the pool of places is killed',
    knownMs: 0,
    isLong: true,
    harm: (swarm) => signal(swarm, 'm2', 'KILL', pool),
  },
  { what: 'swarmtree is killed', knownMs: 0, harm: (swarm) => signal(swarm, 'm1', 'KILL', swarmtree) },
  {
    what: 'the submitter is killed',
    killed: 'm1',
    knownMs: 0,
    harm: (swarm) => signal(swarm, 'm1', 'KILL', peer),
    mend: (swarm) => swarm.startPeer('m1'),
  },
  {
    what: 'the worker is frozen',
    knownMs: suspectedMs,
    harm: async (swarm, isBuilt) => {
      await signal(swarm, 'm2', 'STOP', peer);
      await untilNoticed(swarm, 'm1', 'm2', async () => isBuilt());
      // What it says late is dropped.
      await signal(swarm, 'm2', 'CONT', peer);
    },
  },
  {
    what: 'the submitter is frozen',
    knownMs: suspectedMs,
    isLong: true,
    harm: async (swarm) => {
      await signal(swarm, 'm1', 'STOP', peer);
      // What has ended there and was told into the buffers of the kernel is not waited for.
      await untilNoticed(swarm, 'm2', 'm1', async () => (await swarm.jobs('m2')).length === 0);
      await signal(swarm, 'm1', 'CONT', peer);
    },
  },
  {
    what: 'swarmfs is frozen',
    knownMs: hungMs,
    isLong: true,
    harm: (swarm) => signal(swarm, 'm2', 'STOP', swarmfs),
    mend: (swarm) => signal(swarm, 'm2', 'CONT', swarmfs),
  },
  {
    what: 'swarmtree is frozen',
    knownMs: hungMs,
    isLong: true,
    harm: (swarm) => signal(swarm, 'm1', 'STOP', swarmtree),
    mend: (swarm) => signal(swarm, 'm1', 'CONT', swarmtree),
  },
  {
    what: 'the worker is cut off',
    knownMs: suspectedMs,
    isolated: ['m2'],
    isLong: true,
    harm: (swarm) => swarm.lan.cut('m2'),
    mend: (swarm) => swarm.lan.mend('m2'),
  },
  {
    what: 'the submitter is cut off',
    knownMs: suspectedMs,
    isolated: ['m2', 'm3'],
    isLong: true,
    harm: (swarm) => swarm.lan.cut('m1'),
    mend: (swarm) => swarm.lan.mend('m1'),
  },
];

/** @returns when nothing was left any more on each machine, by the clock of this process. */
async function untilNothingLeft(swarm: SwarmRig, leavings: Leavings): Promise<Map<Host, number>> {
  const clean = new Map<Host, number>();
  let left: string[] = [];
  const look = async (): Promise<boolean> => {
    const looked = performance.now();
    const found = await Promise.all(swarm.lan.hosts.map((host) => leavings.on(host)));
    for (const [index, host] of swarm.lan.hosts.entries()) {
      if (found[index]?.length !== 0) clean.delete(host);
      else if (!clean.has(host)) clean.set(host, looked);
    }
    left = found.flat();
    return left.length === 0;
  };
  try {
    // Who is cut off notices by itself.
    await until(look, leftMostMs + noticedMs, 'nothing is left of the jobs');
  } catch (error) {
    throw new Error(`this is left: ${left.join('; ')}`, { cause: error });
  }
  return clean;
}

interface Round {
  /** From the harm to the end of the build. */
  readonly buildMs: number;
  readonly buildMostMs: number;
  readonly left: readonly Left[];
}

/** Of one machine. */
interface Left {
  /** From the end of the build, or from when it must have been noticed, until nothing is left. */
  readonly leftMs: number;
  readonly mostMs: number;
  /** The same from when the machine was cut off. */
  readonly sinceCutMs: number | undefined;
}

/** Builds once, with the harm after some time. */
async function play(
  swarm: SwarmRig,
  leavings: Leavings,
  one: Harm,
  round: number,
  expected: string,
): Promise<Round> {
  const { what, harm, mend, knownMs, isolated = [], killed } = one;
  const afterMs = nextInteger(createRandom(firstSeed + round), 2 * jobsMs + 200);
  await swarm.check('m1', ['bash', '-c', clean]);
  const running = swarm.start('m1', ['bash', '-c', builds('swarmrun')], { timeoutMs: 120_000 });
  let isBuilt = false;
  const ending = running.ended.finally(() => {
    isBuilt = true;
  });
  await until(async () => (await pidsOf(swarm, 'm2', /sleep 0/)).length > 0, 30_000, 'the worker runs some');
  // Not waited for anything: the moment is to be any.
  await sleep(afterMs);
  const harmed = performance.now();
  const stretchOfBuild = startPressure();
  await harm(swarm, () => isBuilt);
  const cut = performance.now();
  const ended = await ending;
  const built = performance.now();
  const buildMost = (knownMs + builtMostMs) * stretchOfBuild();
  checked(['the build'], ended);
  assert.deepEqual([ended.stdout.toString(), ended.stderr.toString()], ['', '']);
  // Every other time a machine that is cut off cleans up before it is heard again.
  const mendsFirst = isolated.length === 0 || round % 2 === 0;
  let mended = built;
  const mending = async (): Promise<void> => {
    await mend?.(swarm);
    mended = performance.now();
  };
  const stretchOfLeft = startPressure();
  const [cleanAt] = await Promise.all([
    untilNothingLeft(swarm, leavings),
    mendsFirst ? mending() : undefined,
  ]);
  const stretch = stretchOfLeft();
  assert.equal(await swarm.check('m1', ['bash', '-c', made]), expected);
  const sinceMs = (host: Host): number => {
    if (isolated.includes(host)) return Math.max(built, cut + noticedMs);
    return host === killed ? mended : built;
  };
  const left = swarm.lan.hosts.map((host) => {
    const cleanMs = cleanAt.get(host) ?? Number.NaN;
    return {
      leftMs: Math.max(0, Math.round(cleanMs - sinceMs(host))),
      mostMs: Math.round(leftMostMs * stretch),
      sinceCutMs: isolated.includes(host) ? Math.round(cleanMs - cut) : undefined,
    };
  });
  if (!mendsFirst) {
    await mending();
    await untilNothingLeft(swarm, leavings);
  }
  await swarm.untilSees('m1', 2, 30_000);
  const played = { buildMs: Math.round(built - harmed), buildMostMs: Math.round(buildMost), left };
  const said = `${what} after ${afterMs} ms: ${describe(played)}`;
  assert.ok(played.buildMs <= played.buildMostMs, said);
  assert.ok(
    left.every(({ leftMs, mostMs }) => leftMs <= mostMs),
    said,
  );
  return played;
}

function describe({ buildMs, buildMostMs, left }: Round): string {
  const ofHosts = left.map(({ leftMs, mostMs, sinceCutMs }) => {
    const since = sinceCutMs === undefined ? '' : `, ${sinceCutMs} after the cut`;
    return `${leftMs} (at most ${mostMs}${since})`;
  });
  return `the build ended after ${buildMs} ms (at most ${buildMostMs}), nothing was left after ${ofHosts.join(', ')} ms`;
}

function tell(t: TestContext, played: readonly Round[]): void {
  for (const round of played) t.diagnostic(describe(round));
  const spread = (all: readonly number[]): string => {
    const sorted = all.toSorted((a, b) => a - b);
    return `${sorted[Math.floor(sorted.length / 2)]} (most ${sorted.at(-1)})`;
  };
  const build = spread(played.map(({ buildMs }) => buildMs));
  const left = spread(played.map((round) => Math.max(...round.left.map(({ leftMs }) => leftMs))));
  const cut = played.flatMap((round) => round.left.flatMap(({ sinceCutMs }) => sinceCutMs ?? []));
  const sinceCut = cut.length === 0 ? '' : `; since the cut ${spread(cut)}`;
  t.diagnostic(`${played.length} times, ms: build ${build}, left ${left}${sinceCut}`);
}

test('builds end as if nothing had happened', {
  skip: treeObstacle() ?? false,
  timeout: 60_000 + rounds * harms.length * 60_000,
}, async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 3, slots: 3, ownRoots: ['/srv'] });
  await swarm.check('m1', ['bash', '-c', sources]);
  await swarm.check('m1', ['bash', '-c', builds('')], { timeoutMs: 120_000 });
  const expected = await swarm.check('m1', ['bash', '-c', made]);
  await swarm.check('m1', ['bash', '-c', clean]);
  const leavings = await Leavings.start(swarm, project);
  const begun = performance.now();
  await swarm.check('m1', ['bash', '-c', builds('swarmrun')], { timeoutMs: 120_000 });
  const calmMs = Math.round(performance.now() - begun);
  t.diagnostic(`undisturbed: ${calmMs} ms`);

  for (const one of harms.filter(({ what, isLong }) => what.includes(only) && (isAll || isLong !== true)))
    await t.test(`though ${one.what}`, async (tt) => {
      const played: Round[] = [];
      try {
        for (let round = 0; round < rounds; round += 1)
          played.push(await play(swarm, leavings, one, round, expected));
      } finally {
        tell(tt, played);
      }
    });
});
