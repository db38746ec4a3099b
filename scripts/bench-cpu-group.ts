/** A control group of this machine that only counts: the CPU of all that ever ran in it, to the microsecond, and what runs in it now. */
import { existsSync, mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import path from 'node:path';
import { until } from '../test/rig/until.ts';

const mounts = '/sys/fs/cgroup';

/** Made and not yet removed: those of systems last as long as their LAN, which ends all that runs in them. */
const made = new Set<string>();
let number = 0;
process.once('exit', () => {
  for (const directory of made) rmdirSync(directory);
});

/** This machine does not let this process count CPU by control groups. */
export class CannotCount extends Error {}

export class CpuGroup implements AsyncDisposable {
  readonly #directory: string;
  readonly #isSecond: boolean;

  private constructor(directory: string, isSecond: boolean) {
    this.#directory = directory;
    this.#isSecond = isSecond;
  }

  /** Below the group of this process, which its owner may divide. @throws CannotCount where that is not allowed */
  static make(name: string): CpuGroup {
    const isSecond = existsSync(path.join(mounts, 'cgroup.controllers'));
    const groups = readFileSync('/proc/self/cgroup', 'latin1');
    const own = (isSecond ? /^0::(.*)$/m : /^\d+:(?:.*,)?cpuacct(?:,.*)?:(.*)$/m).exec(groups)?.[1] ?? '/';
    const parent = path.join(mounts, isSecond ? '' : 'cpuacct', own);
    // The systems of one LAN are called as those of the one before, whose groups may be there still.
    const directory = path.join(parent, `buildswarm-bench-${process.pid}-${number}-${name}`);
    number += 1;
    try {
      mkdirSync(directory);
    } catch (cause) {
      const why = `this benchmark counts CPU by control groups, and cannot make one: ${String(cause)}`;
      throw new CannotCount(why, { cause });
    }
    made.add(directory);
    return new CpuGroup(directory, isSecond);
  }

  /** What stands before a command, so that it and all that it starts are counted here. */
  get enter(): readonly string[] {
    return ['sh', '-c', `echo 0 >'${this.#directory}/cgroup.procs' && exec "$@"`, 'sh'];
  }

  usedMs(): number {
    if (!this.#isSecond)
      return Number(readFileSync(path.join(this.#directory, 'cpuacct.usage'), 'latin1')) / 1e6;
    const told = readFileSync(path.join(this.#directory, 'cpu.stat'), 'latin1');
    return Number(/^usage_usec (\d+)$/m.exec(told)?.[1]) / 1e3;
  }

  /** Signals all that runs in it. */
  signal(signal: NodeJS.Signals): void {
    for (const pid of this.#pids()) {
      try {
        process.kill(pid, signal);
      } catch {
        // It ended while we looked.
      }
    }
  }

  /** Kills all that runs in it, and waits until nothing does. */
  async end(): Promise<void> {
    const isEmpty = (): boolean => {
      this.signal('SIGKILL');
      return this.#pids().length === 0;
    };
    await until(isEmpty, 5_000, `everything in ${this.#directory} has ended`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
    rmdirSync(this.#directory);
    made.delete(this.#directory);
  }

  #pids(): number[] {
    const lines = readFileSync(path.join(this.#directory, 'cgroup.procs'), 'latin1').split('\n');
    return lines.filter((line) => line !== '' && line !== '0').map(Number);
  }
}
