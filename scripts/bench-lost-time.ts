/** What a fault of one of two workers costs a build: its time over that without the fault, of each system in turns. */
import { setTimeout as sleep } from 'node:timers/promises';
import { SwarmRig } from '../test/rig/swarm-rig.ts';
import { turned } from './bench-efficiency.ts';
import type { Row } from './bench-measure.ts';
import { besideOurs, type System, systemsOn } from './bench-rivals.ts';
import { jobMs, makeSleeper, type Ran, sleepOn } from './bench-sleepers.ts';

const rounds = Number(process.env['BUILDSWARM_BENCH_EFFICIENCY_ROUNDS'] ?? 3);
const jobs = 40;
const slots = 4;
const inFlight = 8;
/** A system that needs longer is said to need that. */
const deadlineS = 60;
/** In the middle of the build, and of jobs. */
const faultAfterMs = (jobs / inFlight / 2) * jobMs;

const faults = ['none', 'killed', 'frozen', 'cut'] as const;
type Fault = (typeof faults)[number];

export async function lostTimes(): Promise<Row[]> {
  await using swarm = await SwarmRig.start(undefined, { machines: 3, peers: [] });
  const compiler = await makeSleeper(swarm);
  const roles = { submitters: ['m1'], workers: ['m2', 'm3'], slots, compiler } as const;
  const systems = await systemsOn(swarm, roles);
  const lost = new Map(
    faults.map((fault) => [fault, new Map<string, number[]>(systems.map(({ name }) => [name, []]))]),
  );
  for (let round = 0; round < rounds; round++) {
    for (const system of turned(systems, round)) {
      let undisturbedMs = Number.NaN;
      for (const fault of faults) {
        await system.restart();
        const ran = await build(swarm, system, fault);
        if (ran.failed > 0)
          console.log(
            `${system.name}, a worker ${fault}: ${ran.failed} of ${jobs} jobs not done after ${(ran.tookMs / 1_000).toFixed(0)} s`,
          );
        if (fault === 'none') undisturbedMs = ran.tookMs;
        lost
          .get(fault)
          ?.get(system.name)
          ?.push(ran.tookMs - (fault === 'none' ? 0 : undisturbedMs));
        await system.stop();
      }
    }
  }
  return faults.flatMap((fault) => {
    const what =
      fault === 'none'
        ? `${jobs} x 0.5 s on two workers of ${slots} slots`
        : `one of the two ${fault} in the middle: time lost`;
    return besideOurs({ what, unit: 'ms' }, lost.get(fault) ?? new Map());
  });
}

async function build(swarm: SwarmRig, system: System, fault: Fault): Promise<Ran> {
  // The compilers are known, and are where they are needed.
  await sleepOn(swarm, system, { host: 'm1', jobs: inFlight, inFlight, deadlineS });
  const built = sleepOn(swarm, system, { host: 'm1', jobs, inFlight, deadlineS });
  await sleep(faultAfterMs);
  const victim = system.groups.get('m3');
  if (fault === 'killed') victim?.signal('SIGKILL');
  if (fault === 'frozen') victim?.signal('SIGSTOP');
  if (fault === 'cut') await swarm.lan.cut('m3');
  try {
    return await built;
  } finally {
    if (fault === 'cut') await swarm.lan.mend('m3');
  }
}
