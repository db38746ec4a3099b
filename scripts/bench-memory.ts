/** What the daemon's memory is at its start and after many jobs: the case, and the part of it that runs on the machine. */
import { execFileSync } from 'node:child_process';
import { SwarmRig } from '../test/rig/swarm-rig.ts';
import { handIn } from './bench-load.ts';
import type { Row } from './bench-measure.ts';

const jobs = 20_000;

interface Memory {
  readonly startMb: number;
  readonly afterMb: number;
}

/** Remote `true`s, eight at once, from one submitter. */
export async function memoryCosts(): Promise<Row[]> {
  await using swarm = await SwarmRig.start(undefined, { machines: 2, slots: 8 });
  const told = await swarm.check('m1', ['node', import.meta.filename], { timeoutMs: 240_000 });
  const { startMb, afterMb } = JSON.parse(told) as Memory;
  return [
    { what: "daemon's memory at start", figure: startMb, unit: 'MB', goal: 90 },
    { what: `daemon's memory after ${jobs} jobs`, figure: afterMb, unit: 'MB', goal: 130 },
  ];
}

/** Resident memory of this machine's daemon. */
function daemonMb(): number {
  const processes = execFileSync('ps', ['-e', '-o', 'rss=,args='], { encoding: 'latin1' });
  const [, kb] = /^ *(\d+) .*bin\/buildswarm daemon/m.exec(processes) ?? [];
  if (kb === undefined) throw new Error('no daemon runs on this machine');
  return Number(kb) / 1024;
}

async function measure(): Promise<Memory> {
  const startMb = daemonMb();
  await handIn([{ argv: ['/bin/true'], force: 'remote' }], jobs, 8);
  return { startMb, afterMb: daemonMb() };
}

if (import.meta.filename === process.argv[1]) console.log(JSON.stringify(await measure()));
