/** What the daemons of both ends keep at their start and after many jobs: the case, and the part of it that runs on the machines. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { checkout } from '../test/rig/child.ts';
import type { Host } from '../test/rig/lan.ts';
import { SwarmRig } from '../test/rig/swarm-rig.ts';
import { until } from '../test/rig/until.ts';
import { handIn } from './bench-load.ts';
import type { Row } from './bench-measure.ts';
import { type Kept, keptFile } from './bench-probe.ts';

const jobs = Number(process.env['BUILDSWARM_BENCH_JOBS'] ?? 20_000);
/** After so many jobs it is looked at. From the first on it is to be flat. */
const marks = [5_000, 10_000, 20_000, 50_000, 100_000, 200_000].filter((mark) => mark < jobs).concat(jobs);
/** A part of the jobs, within which none of the waits of a test ends. */
const portion = 5_000;
const inFlight = 8;
const goalsMb = { start: 90, after: 130 };

interface Look extends Kept {
  readonly residentMb: number;
  readonly descriptors: number;
  readonly threads: number;
}

/** Remote `true`s, eight at once, from one submitter. */
export async function memoryCosts(): Promise<Row[]> {
  await using swarm = await SwarmRig.start(undefined, { machines: 2, slots: 8, peers: [] });
  const probe = `file://${path.join(import.meta.dirname, 'bench-probe.js')}`;
  const start = [path.join(checkout, 'bin/buildswarm'), 'start', '--slots', '8'];
  const env = { NODE_OPTIONS: `--import=${probe}` };
  for (const host of swarm.lan.hosts) await swarm.check(host, start, { env });
  await swarm.untilSees('m1', 1);
  const rows = await looks(swarm, 'at start', goalsMb.start);
  let done = 0;
  for (const mark of marks) {
    for (; done < mark; done += portion) {
      const count = String(Math.min(portion, mark - done));
      await swarm.check('m1', ['node', import.meta.filename, 'load', count], { timeoutMs: 240_000 });
    }
    rows.push(...(await looks(swarm, `after ${mark} jobs`, goalsMb.after)));
  }
  return rows;
}

async function looks(swarm: SwarmRig, when: string, goalMb: number): Promise<Row[]> {
  const rows: Row[] = [];
  for (const [end, host] of [
    ['submitter', 'm1'],
    ['worker', 'm2'],
  ] as const satisfies readonly (readonly [string, Host])[]) {
    const told = await swarm.check(host, ['node', import.meta.filename, 'look']);
    const { residentMb, heapMb, descriptors, handles, threads } = JSON.parse(told) as Look;
    const of = `${end} ${when}:`;
    rows.push(
      { what: `${of} memory`, figure: residentMb, unit: 'MB', goal: goalMb },
      { what: `  of it the heap of its main thread`, figure: heapMb, unit: 'MB' },
      { what: `${of} descriptors`, figure: descriptors, unit: '' },
      { what: `${of} handles`, figure: handles, unit: '' },
      { what: `${of} threads`, figure: threads, unit: '' },
    );
  }
  return rows;
}

/** This machine's daemon, as it is now. */
async function look(): Promise<Look> {
  const processes = execFileSync('ps', ['-e', '-o', 'pid=,args='], { encoding: 'latin1' });
  const [, pid] = /^ *(\d+) .*bin\/buildswarm daemon/m.exec(processes) ?? [];
  if (pid === undefined) throw new Error('no daemon runs on this machine');
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const of = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1]);
  const descriptors = readdirSync(`/proc/${pid}/fd`).length;
  const file = keptFile(Number(pid));
  rmSync(file, { force: true });
  process.kill(Number(pid), 'SIGUSR2');
  const told = await until(() => readFileSync(file, 'latin1'), 2_000, 'the daemon told what it keeps');
  const kept = JSON.parse(told) as Kept;
  return { ...kept, residentMb: of('VmRSS') / 1024, descriptors, threads: of('Threads') };
}

if (import.meta.filename === process.argv[1]) {
  const [part, count] = process.argv.slice(2);
  if (part === 'look') console.log(JSON.stringify(await look()));
  else await handIn([{ argv: ['/bin/true'], force: 'remote' }], Number(count), inFlight);
}
