/** What it costs the peer of a machine that somebody looks: the case, and the part of it that runs on that machine. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { LiveSwarm } from '../src/cli/live/live-swarm.ts';
import { localSocket } from '../src/cli/local-socket.ts';
import { SwarmRig } from '../test/rig/swarm-rig.ts';
import { cpuMs, median, peer, type Row } from './bench-measure.ts';

/** CPU of the peer for the same jobs with somebody looking, as a ratio to that without: median of pairs. */
interface LiveCost {
  readonly ratio: number;
  readonly jobsPerSecond: number;
  /** CPU of the peer for a job while nobody looks. */
  readonly plainMs: number;
}

const intervalMs = 1_000;

/** With `web` and `top` open, in pairs of the same jobs. */
export async function liveCosts(): Promise<Row[]> {
  await using swarm = await SwarmRig.start(undefined, { machines: 2, slots: 8 });
  const told = await swarm.check('m1', ['node', import.meta.filename], { timeoutMs: 240_000 });
  const { ratio, jobsPerSecond, plainMs } = JSON.parse(told) as LiveCost;
  return [
    {
      what: 'CPU of the peer with web and top open, times that without',
      figure: ratio,
      unit: '',
      goal: 1.05,
    },
    { what: 'at a rate of', figure: jobsPerSecond, unit: 'jobs/s' },
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

async function measure(pairs = 6, jobs = 1_000): Promise<LiveCost> {
  const leg = async (): Promise<number> => {
    const before = cpuMs(peer);
    const child = spawn('sh', ['-c', `seq ${jobs} | xargs -P8 -I_ swarmrun /bin/true`], { stdio: 'ignore' });
    await once(child, 'exit');
    return cpuMs(peer) - before;
  };
  await leg();
  const ratios: number[] = [];
  const plain: number[] = [];
  const startedMs = performance.now();
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
    plainMs: median(plain),
    jobsPerSecond: (2 * pairs * jobs * 1_000) / (performance.now() - startedMs),
  };
}

if (import.meta.filename === process.argv[1]) console.log(JSON.stringify(await measure()));
