/** How well each system fills the slots of a LAN, and shares them between two that hand in: in turns within one run. */
import type { Host } from '../test/rig/lan.ts';
import { SwarmRig } from '../test/rig/swarm-rig.ts';
import type { Row } from './bench-measure.ts';
import { besideOurs, type System, systemsOn } from './bench-rivals.ts';
import { jobMs, makeSleeper, sleepOn } from './bench-sleepers.ts';

const rounds = Number(process.env['BUILDSWARM_BENCH_EFFICIENCY_ROUNDS'] ?? 3);
const jobs = 400;
const slots = 4;
const deadlineS = 120;
/** At least so much of the ideal, by machines. */
const goals = { 4: 0.98, 8: 0.97 };

export async function efficiencyCosts(): Promise<Row[]> {
  return [...(await onMachines(4)), ...(await onMachines(8))];
}

async function onMachines(machines: 4 | 8): Promise<Row[]> {
  await using swarm = await SwarmRig.start(undefined, { machines, peers: [] });
  const compiler = await makeSleeper(swarm);
  const submitters: readonly Host[] = ['m1', 'm2'];
  const systems = await systemsOn(swarm, { submitters, workers: swarm.lan.hosts, slots, compiler });
  const all = machines * slots;
  const courses = [
    { what: `-j${all}`, hosts: submitters.slice(0, 1), inFlight: all },
    { what: `-j${2 * all}`, hosts: submitters.slice(0, 1), inFlight: 2 * all },
    { what: `two submitters, -j${all} each`, hosts: submitters, inFlight: all },
  ];
  const idealMs = Math.ceil(jobs / all) * jobMs;
  const rows: Row[] = [];
  const figures = courses.map(() => new Map<string, number[]>());
  for (let round = 0; round < rounds; round++) {
    for (const system of turned(systems, round)) {
      await system.restart();
      for (const [at, { hosts, inFlight, what }] of courses.entries()) {
        const ran = await Promise.all(
          hosts.map((host) =>
            sleepOn(swarm, system, { host, jobs: jobs / hosts.length, inFlight, deadlineS }),
          ),
        );
        const failed = ran.reduce((sum, one) => sum + one.failed, 0);
        const tookMs = Math.max(...ran.map((one) => one.tookMs));
        if (failed > 0)
          console.log(`${system.name}, ${what}: ${failed} of ${jobs} jobs not done within ${deadlineS} s`);
        const efficiency = failed > 0 ? Number.NaN : idealMs / tookMs;
        const values = figures[at]?.get(system.name) ?? [];
        figures[at]?.set(system.name, [...values, efficiency]);
      }
      await system.stop();
    }
  }
  for (const [at, { what }] of courses.entries()) {
    const told = `${jobs} x 0.5 s on ${machines} x ${slots} slots, ${what}: efficiency`;
    const bySystem = new Map(systems.map(({ name }) => [name, figures[at]?.get(name) ?? []]));
    rows.push(...besideOurs({ what: told, unit: '', least: goals[machines] }, bySystem));
  }
  return rows;
}

/** Another one first each round. */
export function turned(systems: readonly System[], round: number): System[] {
  const at = round % systems.length;
  return [...systems.slice(at), ...systems.slice(0, at)];
}
