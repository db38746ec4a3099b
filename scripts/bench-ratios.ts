/**
 * The small form of the bench that CI runs: what `int x;` costs beside distcc, in turns, and whether a ratio has become worse than the
 * committed one. Both systems are hit by what else the machine does, and by how quick it is.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { checkout } from '../test/rig/child.ts';
import { SwarmRig } from '../test/rig/swarm-rig.ts';
import { Course, type Leg } from './bench-course.ts';
import { median, type Row } from './bench-measure.ts';
import { systemsOn } from './bench-rivals.ts';

const units = 20;
/** V8 compiles what runs often. */
const warmJobs = 300;
const roundsAtOnce = 10;
/** A ratio that is too great is measured with so many times the rounds before it is believed. */
const tries = 3;
/** As the issue of it says: 15 %. */
const worse = 1.15;

const measures = {
  submitterMs: "`int x;`, warm: submitter's CPU, ours / distcc",
  workerMs: "`int x;`, warm: worker's CPU, its compile too, ours / distcc",
  tookMs: '`int x;`, warm: time, ours / distcc',
} as const satisfies Readonly<Record<keyof Leg, string>>;
type Measure = keyof typeof measures;

type Ratios = Readonly<Record<Measure, number>>;

export async function ratioCosts(): Promise<Row[]> {
  const committed = JSON.parse(
    readFileSync(path.join(checkout, 'scripts/bench-ratios.json'), 'utf8'),
  ) as Ratios;
  await using swarm = await SwarmRig.start(undefined, { machines: 2, peers: [] });
  const roles = { submitters: ['m1'], workers: ['m2'], slots: 4 } as const;
  const systems = await systemsOn(swarm, roles, ['buildswarm', 'distcc']);
  for (const system of systems) await system.restart();
  const course = new Course(swarm);
  const warm = course.tree('warm', warmJobs, 'int x;\n');
  for (const system of systems) await course.leg(system, warm, warmJobs);
  const small = course.tree('small', units, 'int x;\n');
  const legs = systems.map((): Leg[] => []);
  for (let attempt = 1; ; attempt++) {
    for (let round = 0; round < roundsAtOnce; round++)
      for (const [at, system] of systems.entries()) legs[at]?.push(await course.leg(system, small, units));
    const rows = (Object.keys(measures) as Measure[]).map((measure): Row => {
      const [ours, theirs] = legs.map((each) => median(each.map((leg) => leg[measure])));
      return {
        what: measures[measure],
        figure: (ours ?? Number.NaN) / (theirs ?? Number.NaN),
        unit: '',
        goal: committed[measure] * worse,
        note: `committed: ${committed[measure]}; ours ${ours?.toFixed(1)} ms, ${roundsAtOnce * attempt} rounds`,
      };
    });
    // One that is no number is none that could be compared.
    if (attempt === tries || rows.every(({ figure, goal = 0 }) => figure <= goal)) return rows;
  }
}
