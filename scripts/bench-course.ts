/** Units that are compiled one after the other through a system of the bench, and what each costs on both machines. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { SwarmRig } from '../test/rig/swarm-rig.ts';
import type { CpuGroup } from './bench-cpu-group.ts';
import { quoted, type System } from './bench-rivals.ts';

const legDeadlineS = 60;

/** What one job costs. */
export interface Leg {
  readonly submitterMs: number;
  readonly workerMs: number;
  readonly tookMs: number;
}

/** The same `g++` in every source of a directory, $n counting them. */
function compiles(directory: string): string {
  return `g++ -I ${directory} -c ${directory}/u$n.cc -o ${directory}/u$n.o`;
}

/** A command so often, one after the other, with a word before it. */
function script(prefix: readonly string[], command: string, units: number): string {
  return `for n in $(seq ${units}); do ${prefix.map(quoted).join(' ')} ${command} || exit 1; done`;
}

/** From m1 to m2, which share a tree. */
export class Course {
  readonly #swarm: SwarmRig;

  constructor(swarm: SwarmRig) {
    this.#swarm = swarm;
  }

  /** What a compile of each source of a directory costs, with all that the system's daemons did meanwhile. */
  async leg(system: System, directory: string, units: number): Promise<Leg> {
    return await this.legOf(system, compiles(directory), units);
  }

  /** The same of any command, which a shell reads. */
  async legOf(system: System, command: string, units: number): Promise<Leg> {
    const [submitter, worker] = [system.groups.get('m1'), system.groups.get('m2')];
    if (submitter === undefined || worker === undefined)
      throw new Error(`${system.name} is not on both machines`);
    const before = [submitter.usedMs(), worker.usedMs()] as const;
    const tookMs = await this.#run(submitter.enter, system.prefix, command, units);
    if (Number.isNaN(tookMs)) return { submitterMs: tookMs, workerMs: tookMs, tookMs };
    return {
      submitterMs: (submitter.usedMs() - before[0]) / units,
      workerMs: (worker.usedMs() - before[1]) / units,
      tookMs,
    };
  }

  /** Without a system. */
  async alone(group: CpuGroup, directory: string, units: number): Promise<Leg> {
    return await this.aloneOf(group, compiles(directory), units);
  }

  async aloneOf(group: CpuGroup, command: string, units: number): Promise<Leg> {
    const beforeMs = group.usedMs();
    const tookMs = await this.#run(group.enter, [], command, units);
    return { submitterMs: (group.usedMs() - beforeMs) / units, workerMs: 0, tookMs };
  }

  /** @returns ms a unit; NaN if it did not end well or in time */
  async #run(
    enter: readonly string[],
    prefix: readonly string[],
    command: string,
    units: number,
  ): Promise<number> {
    const timed = ['sh', '-c', `date +%s%N; ${script(prefix, command, units)}; date +%s%N`];
    const argv = [...enter, 'timeout', String(legDeadlineS), ...timed];
    const { status, stdout } = await this.#swarm.exec('m1', argv, { timeoutMs: 2 * legDeadlineS * 1_000 });
    if (status !== 0) {
      console.log(`${[...prefix, command].join(' ')}: one of ${units} did not end well`);
      return Number.NaN;
    }
    const [begun, ended] = stdout.toString().trim().split('\n');
    return (Number(ended) - Number(begun)) / 1e6 / units;
  }

  /** @returns a directory with so many sources u1.cc, …, made where they are not there yet */
  tree(name: string, units: number, text: string): string {
    const directory = path.join(this.#swarm.share, name);
    mkdirSync(directory, { recursive: true });
    for (let unit = 1; unit <= units; unit++) {
      const file = path.join(directory, `u${unit}.cc`);
      if (!existsSync(file)) writeFileSync(file, text);
    }
    return directory;
  }
}
