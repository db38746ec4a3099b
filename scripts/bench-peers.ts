/**
 * What a job costs beside distcc, distcc-pump and icecream: all systems stand ready on one LAN of two machines, and take turns
 * within each round in rotating order, so that what else this machine does hits all alike.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { SwarmRig } from '../test/rig/swarm-rig.ts';
import { Course } from './bench-course.ts';
import { CpuGroup } from './bench-cpu-group.ts';
import type { Row } from './bench-measure.ts';
import { besideOurs, type System, systemsOn } from './bench-rivals.ts';

const rounds = Number(process.env['BUILDSWARM_BENCH_ROUNDS'] ?? 5);
const smallUnits = 20;
const bigUnits = 2;
const trueJobs = 100;
const warmJobs = 100;
const slots = 4;
const jobDeadlineS = 20;

/** What is measured, with the goal of ours. */
const measures = {
  smallSubmitter: { what: "`int x;`, warm: submitter's CPU", goal: 1.5 },
  smallWorker: { what: "`int x;`, warm: worker's CPU over the compile", goal: 1.5 },
  smallTime: { what: '`int x;`, warm: time over the command', goal: 3 },
  firstSubmitter: { what: "300 headers, tree new: submitter's CPU", goal: 10 },
  knownSubmitter: { what: "300 headers, tree known: submitter's CPU", goal: 3 },
  trueCpu: { what: '`true`, warm: all CPU of both machines', goal: 2.2 },
  trueTime: { what: '`true`, warm: time over the command', goal: 3 },
  firstTime: { what: 'first job after start: time over the command', goal: 60 },
} as const;
type Measure = keyof typeof measures;

class Race {
  readonly #swarm: SwarmRig;
  readonly #course: Course;
  readonly #systems: readonly System[];
  /** Of the compiler without a system. */
  readonly #alone: CpuGroup;
  readonly #figures = new Map<Measure, Map<string, number[]>>();

  constructor(swarm: SwarmRig, systems: readonly System[], alone: CpuGroup) {
    this.#swarm = swarm;
    this.#course = new Course(swarm);
    this.#systems = systems;
    this.#alone = alone;
  }

  /** Each system once. */
  async round(number: number): Promise<void> {
    const small = this.#course.tree('small', smallUnits, 'int x;\n');
    const alone = await this.#course.alone(this.#alone, small, smallUnits);
    for (const system of this.#order(number)) {
      const ran = await this.#course.leg(system, small, smallUnits);
      this.#note('smallSubmitter', system, ran.submitterMs);
      this.#note('smallWorker', system, ran.workerMs - alone.submitterMs);
      this.#note('smallTime', system, ran.tookMs - alone.tookMs);
      const tree = this.#bigTree(`${system.name}-${number}`);
      this.#note('firstSubmitter', system, (await this.#course.leg(system, tree, bigUnits)).submitterMs);
      this.#note('knownSubmitter', system, (await this.#course.leg(system, tree, bigUnits)).submitterMs);
    }
  }

  /** A command that does nothing, which only ours runs elsewhere. */
  async nothing(): Promise<void> {
    const alone = await this.#course.aloneOf(this.#alone, '/bin/true', trueJobs);
    for (const system of this.#systems.filter(({ name }) => name === 'buildswarm')) {
      const ran = await this.#course.legOf(system, '/bin/true', trueJobs);
      this.#note('trueCpu', system, ran.submitterMs + ran.workerMs);
      this.#note('trueTime', system, ran.tookMs - alone.tookMs);
    }
  }

  /** From a start of all daemons: the first job's time over the compiler's own. */
  async first(number: number): Promise<void> {
    const directory = this.#course.tree('first', 1, 'int x;\n');
    const alone = await this.#course.alone(this.#alone, directory, 1);
    for (const system of this.#order(number)) {
      await system.restart();
      const ran = await this.#course.leg(system, directory, 1);
      // What did not run elsewhere says nothing.
      this.#note('firstTime', system, ran.workerMs > 0 ? ran.tookMs - alone.tookMs : Number.NaN);
    }
  }

  #order(round: number): System[] {
    const at = round % this.#systems.length;
    return [...this.#systems.slice(at), ...this.#systems.slice(0, at)];
  }

  /** Warm: compilers are known, and V8 has compiled what runs often. */
  async warm(jobs: number): Promise<void> {
    const directory = this.#course.tree('warm', jobs, 'int x;\n');
    for (const system of this.#systems) await this.#course.leg(system, directory, jobs);
  }

  rows(): Row[] {
    return [...this.#figures].flatMap(([measure, bySystem]) =>
      besideOurs({ ...measures[measure], unit: 'ms' }, bySystem),
    );
  }

  #note(measure: Measure, system: System, figure: number): void {
    const bySystem = this.#figures.get(measure) ?? new Map<string, number[]>();
    this.#figures.set(measure, bySystem);
    bySystem.set(system.name, [...(bySystem.get(system.name) ?? []), figure]);
  }

  #bigTree(name: string): string {
    const directory = path.join(this.#swarm.share, name);
    mkdirSync(directory);
    let text = '#include <iostream>\n#include <map>\n#include <regex>\n';
    for (let header = 0; header < 100; header++) {
      mkdirSync(path.join(directory, `d${header % 10}`), { recursive: true });
      writeFileSync(
        path.join(directory, `d${header % 10}/h${header}.h`),
        `static const int v${header} = 1;\n`,
      );
      text += `#include "d${header % 10}/h${header}.h"\n`;
    }
    return this.#course.tree(name, bigUnits, `${text}std::map<std::string, std::regex> all;\n`);
  }
}

/** Whether a system runs a job: the scheduler of icecream chooses no machine whose processors have nothing to spare. */
async function takesJobs(swarm: SwarmRig, system: System): Promise<boolean> {
  writeFileSync(path.join(swarm.share, 'probe.cc'), 'int x;\n');
  const compile = ['g++', '-c', 'probe.cc', '-o', 'probe.o'];
  const ended = await swarm.exec('m1', ['timeout', String(jobDeadlineS), ...system.prefix, ...compile]);
  return ended.status === 0;
}

export async function jobCosts(): Promise<Row[]> {
  await using swarm = await SwarmRig.start(undefined, { machines: 2, peers: [] });
  await using alone = CpuGroup.make('alone');
  const systems: System[] = [];
  for (const system of await systemsOn(swarm, { submitters: ['m1'], workers: ['m2'], slots })) {
    await system.restart();
    if (await takesJobs(swarm, system)) systems.push(system);
    else console.log(`${system.name} took no job within ${jobDeadlineS} s: left out`);
  }
  const race = new Race(swarm, systems, alone);
  await race.warm(warmJobs);
  for (let round = 0; round < rounds; round++) await race.round(round);
  for (let round = 0; round < rounds; round++) await race.nothing();
  for (let round = 0; round < rounds; round++) await race.first(round);
  return race.rows();
}
