/** What it costs the peer of a machine that somebody looks: the case, and the part of it that runs on that machine. */
import { setTimeout as sleep } from 'node:timers/promises';
import { LiveSwarm } from '../src/cli/live/live-swarm.ts';
import { localSocket } from '../src/cli/local-socket.ts';
import { SwarmRig } from '../test/rig/swarm-rig.ts';
import { handIn, type LoadCommand } from './bench-load.ts';
import { cpuMs, median, peer, type Row } from './bench-measure.ts';

/** CPU of the peer for the same jobs with somebody looking, as a ratio to that without: median of pairs. */
interface LiveCost {
  readonly ratio: number;
  readonly jobsPerSecond: number;
  /** CPU of the peer for a job while nobody looks. */
  readonly plainMs: number;
  readonly ratios: readonly number[];
  /** Share of jobs that ran on the other machine. */
  readonly elsewhere: number;
}

const intervalMs = 1_000;
const inFlight = 8;
/**
 * Half of the jobs go elsewhere, and wait for that if they must, so that all turns have as many. The others are what a
 * build runs at home: it lists what a source includes, and probes.
 */
const commands: readonly LoadCommand[] = [
  { argv: ['/bin/true'], force: 'remote' },
  { argv: ['gcc', '-MM', 'main.c'], force: '' },
  { argv: ['/bin/true'], force: 'remote' },
  { argv: ['gcc', '-c', 'conftest.c', '-o', 'conftest.o'], force: '' },
];

/** With `web` and `top` open, in pairs of the same jobs. */
export async function liveCosts(): Promise<Row[]> {
  await using swarm = await SwarmRig.start(undefined, { machines: 2, slots: 8 });
  const told = await swarm.check('m1', ['node', import.meta.filename], { timeoutMs: 600_000 });
  const { ratio, ratios, jobsPerSecond, plainMs, elsewhere } = JSON.parse(told) as LiveCost;
  return [
    {
      what: 'CPU of the peer with web and top open, times that without',
      figure: ratio,
      unit: '',
      goal: 1.05,
    },
    { what: 'its least and', figure: Math.min(...ratios), unit: '' },
    { what: 'greatest pair', figure: Math.max(...ratios), unit: '' },
    { what: 'at a rate of', figure: jobsPerSecond, unit: 'jobs/s', least: 300 },
    { what: 'of which ran elsewhere', figure: 100 * elsewhere, unit: '%' },
    { what: 'CPU of the peer for a job while nobody looks', figure: plainMs, unit: 'ms' },
  ];
}

/** As `web` and `top` do, until it is told to end; what was before is known to it already. */
async function look(swarm: LiveSwarm, ended: AbortSignal): Promise<void> {
  while (!ended.aborted) {
    await sleep(intervalMs, undefined, { signal: ended }).catch(() => undefined);
    await swarm.update();
  }
}

/** Opened: each has asked for all that is remembered. */
async function openTwo(): Promise<LiveSwarm[]> {
  const opened = [new LiveSwarm(localSocket()), new LiveSwarm(localSocket())];
  for (const swarm of opened) await swarm.update();
  return opened;
}

async function measure(pairs = 24, jobs = 1_500): Promise<LiveCost> {
  const inLegs = { ms: 0, jobs: 0, elsewhere: 0 };
  const leg = async (): Promise<number> => {
    const beforeMs = cpuMs(peer);
    const startedMs = performance.now();
    const { elsewhere } = await handIn(commands, jobs, inFlight);
    inLegs.ms += performance.now() - startedMs;
    inLegs.jobs += jobs;
    inLegs.elsewhere += elsewhere;
    return cpuMs(peer) - beforeMs;
  };
  await leg();
  Object.assign(inLegs, { ms: 0, jobs: 0, elsewhere: 0 });
  const ratios: number[] = [];
  const plain: number[] = [];
  for (let pair = 0; pair < pairs; pair++) {
    const legs = { plain: 0, looked: 0 };
    // In turns: what comes second finds the peer warmer.
    for (const kind of pair % 2 === 0 ? (['plain', 'looked'] as const) : (['looked', 'plain'] as const)) {
      const opened = kind === 'plain' ? [] : await openTwo();
      const ended = new AbortController();
      const lookers = opened.map((swarm) => look(swarm, ended.signal));
      legs[kind] = await leg();
      ended.abort();
      await Promise.all(lookers);
    }
    ratios.push(legs.looked / legs.plain);
    plain.push(legs.plain / jobs);
  }
  return {
    ratio: median(ratios),
    ratios,
    plainMs: median(plain),
    jobsPerSecond: (inLegs.jobs * 1_000) / inLegs.ms,
    elsewhere: inLegs.elsewhere / inLegs.jobs,
  };
}

if (import.meta.filename === process.argv[1]) console.log(JSON.stringify(await measure()));
