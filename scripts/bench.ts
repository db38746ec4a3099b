/**
 * What buildswarm costs, on LANs of namespaces on this one machine, beside the goals: bench [CASE…].
 * Every machine of a LAN shares this machine's cores, so figures that are CPU-bound are upper bounds.
 */
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkout } from '../test/rig/child.ts';
import type { Host } from '../test/rig/lan.ts';
import { SwarmRig } from '../test/rig/swarm-rig.ts';
import { until } from '../test/rig/until.ts';
import { attackCosts } from './bench-attacks.ts';
import { CannotCount } from './bench-cpu-group.ts';
import { efficiencyCosts } from './bench-efficiency.ts';
import { frameCosts } from './bench-frames.ts';
import { gccMs, goalsGccMs, scaled } from './bench-goals.ts';
import { liveCosts } from './bench-live.ts';
import { lostTimes } from './bench-lost-time.ts';
import {
  type CpuMs,
  type ErrorCost,
  type idleCpuPercent,
  type Latencies,
  measured,
  median,
  type Row,
  viewJobs,
} from './bench-measure.ts';
import { memoryCosts } from './bench-memory.ts';
import { jobCosts } from './bench-peers.ts';
import { rateCosts } from './bench-rate.ts';
import { ratioCosts } from './bench-ratios.ts';
import { treeCosts } from './bench-tree.ts';

/** What a job costs: time over running it here, and CPU. */
async function cost(): Promise<Row[]> {
  await using swarm = await SwarmRig.start(undefined, { machines: 2, slots: 4 });
  const latencies = await measured<Latencies>(swarm, 'm1', 'latency');
  const cpu = await measured<CpuMs>(swarm, 'm1', 'cpu');
  return [
    { what: 'true', figure: latencies.plainMs, unit: 'ms' },
    {
      what: 'swarmrun true, remote: added',
      figure: latencies.remoteMs - latencies.plainMs,
      unit: 'ms',
      goal: 10,
    },
    {
      what: 'swarmrun true, told inline by the peer: added',
      figure: latencies.inlineMs - latencies.plainMs,
      unit: 'ms',
    },
    {
      what: 'swarmrun true, FORCE_INLINE: added',
      figure: latencies.forcedMs - latencies.plainMs,
      unit: 'ms',
      goal: 1.5,
    },
    { what: 'CPU of the wrapper, a remote job', figure: cpu.wrapperMs - cpu.plainMs, unit: 'ms', goal: 1.5 },
    { what: "CPU of the submitter's peer, a remote job", figure: cpu.peerMs, unit: 'ms' },
    {
      what: 'CPU of the submitter, both',
      figure: cpu.wrapperMs - cpu.plainMs + cpu.peerMs,
      unit: 'ms',
      goal: 4,
    },
  ];
}

/**
 * What it costs that all that a compile reads is looked at: 400 headers in 40 directories, on a local disk, in a tree of nothing else and
 * among 50,000 files. The worker's CPU is that of its peer, swarmlook and swarmfs, without the jobs.
 */
async function views(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const way of ['Direct', 'Served'] as const) {
    await using swarm = await SwarmRig.start(undefined, {
      machines: 2,
      slots: 4,
      ...(way === 'Served' ? { ownRoots: ['/srv'] } : { serves: false }),
    });
    for (const [step, files] of [
      ['warm', 'nothing else'],
      ['grow', '50,000 other files'],
    ] as const) {
      await measured<number>(swarm, 'm1', `${step}Views${way}`);
      // The machine may change its speed from one to the other.
      const beforeMs = gccMs();
      const before = await measured<number>(swarm, 'm2', 'workerMs');
      const submitterMs = await measured<number>(swarm, 'm1', `views${way}`);
      const workerMs = ((await measured<number>(swarm, 'm2', 'workerMs')) - before) / viewJobs;
      const slower = (beforeMs + gccMs()) / 2 / goalsGccMs;
      const what = `a compile with 400 headers, ${way.toLowerCase()}, ${files}`;
      const measuredRows: Row[] = [
        { what: `${what}: submitter's CPU`, figure: submitterMs, unit: 'ms', goal: 4 },
        { what: `  worker's CPU besides the job`, figure: workerMs, unit: 'ms', goal: 3 },
      ];
      rows.push(...measuredRows.map((row) => scaled(row, slower)));
    }
  }
  return rows;
}

/** What it costs that an error is proven elsewhere. */
async function errors(): Promise<Row[]> {
  await using swarm = await SwarmRig.start(undefined, { machines: 2, slots: 4 });
  const { plainMs, ratio } = await measured<ErrorCost>(swarm, 'm1', 'errors');
  return [
    { what: 'a compile that ends with an error, without the swarm', figure: plainMs, unit: 'ms' },
    { what: 'the same through the swarm / without, paired', figure: ratio, unit: '', goal: 1.15 },
  ];
}

/** Makespan over ideal of 400 commands that sleep 0.5 s on 8 peers with 4 slots each. */
async function makespan(): Promise<Row[]> {
  await using swarm = await SwarmRig.start(undefined, { machines: 8, slots: 4 });
  // Jobs of one length end in whole rounds: with 32 slots even a scheduler that knows all needs 13 of them.
  const idealMs = Math.ceil(400 / 32) * 500;
  const submit = async (hosts: readonly Host[], inFlight: number): Promise<number> => {
    const ratios: number[] = [];
    for (let round = 0; round < 3; round++) {
      const startedMs = performance.now();
      const script = `seq ${400 / hosts.length} | xargs -P${inFlight} -I_ swarmrun sleep 0.5`;
      await Promise.all(hosts.map((host) => swarm.check(host, ['sh', '-c', script])));
      ratios.push((performance.now() - startedMs) / idealMs);
    }
    return median(ratios);
  };
  const what = '400 x sleep 0.5, 8 x 4 slots: makespan / ideal';
  const advised = Number(await swarm.check('m1', [path.join(checkout, 'bin/buildswarm'), 'slots']));
  return [
    { what: `${what}, -j${advised} as advised`, figure: await submit(['m1'], advised), unit: '', goal: 1.05 },
    { what: `${what}, all at once`, figure: await submit(['m1'], 400), unit: '', goal: 1.05 },
    { what: `${what}, 2 submitters`, figure: await submit(['m1', 'm2'], 32), unit: '', goal: 1.1 },
  ];
}

/** From an empty LAN to the end of the first remote job, median of five. */
async function discovery(): Promise<Row[]> {
  const tookMs: number[] = [];
  for (let round = 0; round < 5; round++) {
    await using swarm = await SwarmRig.start(undefined, { machines: 2, peers: [] });
    const startedMs = performance.now();
    await Promise.all(swarm.lan.hosts.map((host) => swarm.startPeer(host)));
    await until(
      async () => (await swarm.check('m1', ['swarmrun', 'hostname'])) === 'm2\n',
      15_000,
      'm2 ran a job',
    );
    tookMs.push(performance.now() - startedMs);
  }
  return [{ what: 'empty LAN to first remote job done', figure: median(tookMs), unit: 'ms', goal: 2000 }];
}

/** What a peer costs that has nothing to do, among twenty. */
async function idle(): Promise<Row[]> {
  await using swarm = await SwarmRig.start(undefined, { machines: 20, slots: 2 });
  // Idle is who has met everybody and has cleaned up after it: that takes a while with twenty of them on two cores, and
  // V8 collects what the start left behind (0.1 s of CPU, once) about a minute later.
  await sleep(90_000);
  const { cpuPercent, rssMb } = await measured<Awaited<ReturnType<typeof idleCpuPercent>>>(
    swarm,
    'm7',
    'idle',
  );
  return [
    { what: 'idle peer among 20: CPU', figure: cpuPercent, unit: '%', goal: 0.5 },
    { what: 'idle peer among 20: resident memory', figure: rssMb, unit: 'MB', goal: 130 },
  ];
}

function print(row: Row): void {
  const figure = `${digits(row.figure)} ${row.unit}`.trim();
  const bound = row.goal ?? row.least;
  const goal =
    bound === undefined
      ? ''
      : `${row.least === undefined ? '<' : '>'}= ${Number(bound.toFixed(2))} ${row.unit}`.trim();
  const ratio = bound === undefined ? '' : (row.figure / bound).toFixed(2);
  const note = row.note === undefined ? '' : `  ${row.note}`;
  const verdict = isMissed(row) ? ' MISSED' : '';
  const spread = row.spread === undefined ? '' : `  (${row.spread.map(digits).join('–')})`;
  console.log(
    row.what.padEnd(64) +
      figure.padStart(11) +
      goal.padStart(13) +
      ratio.padStart(7) +
      spread +
      verdict +
      note,
  );
}

/** What is no number is none that was reached. */
function isMissed({ figure, goal, least }: Row): boolean {
  return (goal !== undefined && !(figure <= goal)) || (least !== undefined && !(figure >= least));
}

function digits(figure: number): string {
  return figure.toFixed(figure < 100 ? 2 : 0);
}

const cases = {
  cost,
  views,
  errors,
  makespan,
  discovery,
  idle,
  tree: treeCosts,
  attacks: attackCosts,
  live: liveCosts,
  frames: frameCosts,
  memory: memoryCosts,
  rate: rateCosts,
  peers: [jobCosts, efficiencyCosts, lostTimes],
  ratios: ratioCosts,
};

function isCase(name: string): name is keyof typeof cases {
  return Object.hasOwn(cases, name);
}

/** These are run by name only: they fetch what they compare with. */
const fetching: readonly string[] = ['peers', 'ratios'];
/** What these miss is a failure. */
const failing: readonly string[] = ['ratios'];

async function runCase(name: keyof typeof cases): Promise<void> {
  for (const part of [cases[name]].flat())
    for (const row of await part()) {
      print(row);
      if (isMissed(row) && failing.includes(name)) process.exitCode = 1;
    }
}

const asked = process.argv.slice(2);
const unknown = asked.find((name) => !isCase(name));
if (unknown !== undefined) {
  console.error(`bench: no case '${unknown}'; there are: ${Object.keys(cases).join(' ')}`);
  process.exitCode = 2;
} else {
  console.log(`${'what'.padEnd(64)}${'figure'.padStart(11)}${'goal'.padStart(13)}${'ratio'.padStart(7)}`);
  const own = Object.keys(cases).filter((name) => !fetching.includes(name));
  try {
    for (const name of (asked.length > 0 ? asked : own).filter(isCase)) await runCase(name);
  } catch (error) {
    if (!(error instanceof CannotCount)) throw error;
    console.error(`bench: ${error.message}`);
    process.exitCode = 77; // as of a test that cannot run here
  }
  if (asked.length === 0)
    console.log(
      'Beside distcc and icecream, which apt-get then fetches (nothing is installed): scripts/bench peers',
    );
}
