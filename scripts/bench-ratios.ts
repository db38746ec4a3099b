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

/** Ratios of a machine, which is known by the submitter's CPU for distcc there. */
type Committed = Readonly<Record<Measure | 'distccMs', number>>;
/** A machine so many times slower or quicker is of another kind: starting a process and sending a packet do not cost the same part there. */
const otherKind = 1.5;

/** What was committed of a machine like this one; undefined if none is. */
function committedOf(distccMs: number): Committed | undefined {
  const all = JSON.parse(
    readFileSync(path.join(checkout, 'scripts/bench-ratios.json'), 'utf8'),
  ) as readonly Committed[];
  const far = (one: Committed): number => Math.abs(Math.log(one.distccMs / distccMs));
  const [nearest] = all.toSorted((a, b) => far(a) - far(b));
  return nearest !== undefined && far(nearest) <= Math.log(otherKind) ? nearest : undefined;
}

function medianOf(legs: readonly Leg[]): Leg {
  const of = (measure: Measure): number => median(legs.map((leg) => leg[measure]));
  return { submitterMs: of('submitterMs'), workerMs: of('workerMs'), tookMs: of('tookMs') };
}

export async function ratioCosts(): Promise<Row[]> {
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
    const [ours, theirs] = legs.map((each) => medianOf(each)) as [Leg, Leg];
    if (Number.isNaN(ours.tookMs + theirs.tookMs)) throw new Error('most rounds did not end well: see above');
    const committed = committedOf(theirs.submitterMs);
    const rows = (Object.keys(measures) as Measure[]).map(
      (measure): Row => ({
        what: measures[measure],
        figure: ours[measure] / theirs[measure],
        unit: '',
        ...(committed && { goal: committed[measure] * worse }),
        note: committed
          ? `committed: ${committed[measure]}; ours ${ours[measure].toFixed(1)} ms, ${roundsAtOnce * attempt} rounds`
          : `ours ${ours[measure].toFixed(1)} ms; of no machine like this one is a ratio in scripts/bench-ratios.json`,
      }),
    );
    // One that is no number is none that could be compared.
    if (attempt === tries || rows.every(({ figure, goal = Infinity }) => figure <= goal)) return rows;
  }
}
